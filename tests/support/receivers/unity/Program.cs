// Calls HandsReceiver as Unity does, and prints the hands, by the places of their objects, when they have changed.
using System;
using System.Globalization;
using System.Reflection;
using System.Threading;
using UnityEngine;

static class Program
{
    static void Call(HandsReceiver on, string name)
    {
        typeof(HandsReceiver).GetMethod(name, BindingFlags.Instance | BindingFlags.NonPublic).Invoke(on, null);
    }

    static void Main(string[] arguments)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var receiver = new HandsReceiver { port = int.Parse(arguments[0]), prefab = new GameObject() };
        receiver.Entered += hand => Console.WriteLine("came " + hand.id);
        receiver.Left += hand => Console.WriteLine("went " + hand.id);
        Call(receiver, "OnEnable");
        string last = null;
        while (true)
        {
            Call(receiver, "Update");
            string line = "hands:";
            foreach (HandsReceiver.Hand hand in receiver.hands.Values)
            {
                Vector3 at = hand.body.transform.localPosition; // of 16 x 9, its middle is the origin, y up
                line += string.Format(" {0} {1:R} {2:R} {3:R}", hand.id, at.x / 16 + 0.5f, 0.5f - at.y / 9, hand.open);
            }
            if (line != last) Console.WriteLine(line);
            last = line;
            Thread.Sleep(1);
        }
    }
}
