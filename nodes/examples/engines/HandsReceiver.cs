// Unity: the hands that handflow sends in the layout `hands`. Put this on an empty object and give it a prefab; each hand
// gets a copy of it. A plain UDP socket and forty lines of OSC: no package is needed.

using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Text;
using UnityEngine;

public class HandsReceiver : MonoBehaviour
{
    public int port = 9000;
    public GameObject prefab;
    public Vector2 size = new Vector2(16, 9); // of the surface in the scene; its middle is this object's place

    public class Hand
    {
        public int id, slot, zone;
        public Vector2 place;    // 0..1, origin top left
        public Vector2 velocity; // per second
        public float open;       // 0..1, that it is an open palm
        public GameObject body;
    }

    public readonly Dictionary<int, Hand> hands = new Dictionary<int, Hand>(); // by id; an id is never used again
    public event Action<Hand> Entered, Left;
    public event Action<Hand, string, int> Gesture; // its name, and phase: 0 it begins, 1 it goes on, 2 it ends

    UdpClient socket;

    void OnEnable()
    {
        socket = new UdpClient(port);
        socket.Client.Blocking = false;
    }

    void OnDisable()
    {
        socket.Close();
        Keep(new HashSet<int>());
    }

    // All that has come since the last frame: no thread, no queue.
    void Update()
    {
        var sender = new IPEndPoint(IPAddress.Any, 0);
        while (socket.Available > 0)
        {
            try
            {
                byte[] datagram = socket.Receive(ref sender);
                Read(datagram, 0, datagram.Length);
            }
            catch (SocketException)
            {
                return; // nothing more for now
            }
            catch (Exception error) when (error is ArgumentException || error is IndexOutOfRangeException)
            {
                Debug.LogWarning("no OSC: " + error.Message);
            }
        }
    }

    void Heard(string address, List<object> values)
    {
        if (address == "/hands/hand" && (int)values[2] != 3) // 3: leaving
        {
            // id slot state zone x y w h vx vy confidence age open
            int id = (int)values[0];
            bool isNew = !hands.TryGetValue(id, out Hand hand);
            if (isNew) hands[id] = hand = new Hand { id = id, body = prefab ? Instantiate(prefab, transform) : null };
            hand.slot = (int)values[1];
            hand.zone = (int)values[3];
            hand.place = new Vector2((float)values[4], (float)values[5]);
            hand.velocity = new Vector2((float)values[8], (float)values[9]);
            hand.open = (float)values[12];
            if (hand.body) hand.body.transform.localPosition =
                new Vector3((hand.place.x - 0.5f) * size.x, (0.5f - hand.place.y) * size.y, 0); // Unity's y goes up
            if (isNew) Entered?.Invoke(hand);
        }
        else if (address == "/hands/alive")
        {
            var alive = new HashSet<int>();
            foreach (object id in values) alive.Add((int)id);
            Keep(alive);
        }
        else if (address == "/hands/gesture" && hands.TryGetValue((int)values[1], out Hand one))
        {
            // name id id2 phase progress confidence x y rate strength; a stage `gestures` has to be wired
            string name = (string)values[0];
            int phase = (int)values[3];
            // Whoever waves is twice as large.
            if (name == "wave" && one.body && phase != 1) one.body.transform.localScale *= phase == 0 ? 2f : 0.5f;
            Gesture?.Invoke(one, name, phase);
        }
    }

    // Ends a frame, or a part of a large one: whoever is not in it has left.
    void Keep(HashSet<int> alive)
    {
        var gone = new List<Hand>();
        foreach (Hand hand in hands.Values) if (!alive.Contains(hand.id)) gone.Add(hand);
        foreach (Hand hand in gone)
        {
            hands.Remove(hand.id);
            if (hand.body) Destroy(hand.body);
            Left?.Invoke(hand);
        }
    }

    // OSC 1.0: a bundle is "#bundle", a time, then elements with their sizes; a message is an address, tags and arguments.
    void Read(byte[] data, int at, int end)
    {
        string address = Text(data, ref at);
        if (address == "#bundle")
        {
            at += 8;
            while (at < end)
            {
                int size = Number(data, ref at);
                Read(data, at, at + size);
                at += size;
            }
            return;
        }
        var values = new List<object>();
        foreach (char tag in Text(data, ref at).Substring(1))
        {
            if (tag == 'i') values.Add(Number(data, ref at));
            else if (tag == 'f') values.Add(BitConverter.ToSingle(BitConverter.GetBytes(Number(data, ref at)), 0));
            else if (tag == 's') values.Add(Text(data, ref at));
            else return; // handflow sends nothing else
        }
        Heard(address, values);
    }

    static int Number(byte[] data, ref int at)
    {
        at += 4;
        return data[at - 4] << 24 | data[at - 3] << 16 | data[at - 2] << 8 | data[at - 1];
    }

    static string Text(byte[] data, ref int at)
    {
        int end = Array.IndexOf(data, (byte)0, at);
        string text = Encoding.UTF8.GetString(data, at, end - at);
        at = (end + 4) & ~3; // padded to four bytes, with one zero at least
        return text;
    }
}
