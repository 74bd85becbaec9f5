// As much of UnityEngine as HandsReceiver.cs uses, so that it can be compiled and fed without Unity.
using System;
using System.Collections.Generic;

namespace UnityEngine
{
    public class Object
    {
        public static readonly List<Object> There = new List<Object>();
        public static implicit operator bool(Object o) { return o != null && There.Contains(o); }
        public static GameObject Instantiate(GameObject prefab, Transform parent) { return new GameObject(); }
        public static void Destroy(Object o) { There.Remove(o); }
        protected Object() { There.Add(this); }
    }
    public class Component : Object
    {
        public readonly Transform transform = null;
    }
    public class MonoBehaviour : Component { }
    public class Transform : Object
    {
        public Vector3 localPosition, localScale = new Vector3(1, 1, 1);
    }
    public class GameObject : Object
    {
        public readonly Transform transform = new Transform();
    }
    public struct Vector2
    {
        public float x, y;
        public Vector2(float x, float y) { this.x = x; this.y = y; }
    }
    public struct Vector3
    {
        public float x, y, z;
        public Vector3(float x, float y, float z) { this.x = x; this.y = y; this.z = z; }
        public static Vector3 operator *(Vector3 v, float by) { return new Vector3(v.x * by, v.y * by, v.z * by); }
    }
    public static class Debug
    {
        public static void LogWarning(object what) { Console.WriteLine("warning: " + what); }
    }
}
