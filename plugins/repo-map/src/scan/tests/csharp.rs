//! C#: properties, attributes, strings of every kind.

use super::check;

#[test]
fn csharp() {
    check(
        "A.cs",
        r#"using System;
#region x {
namespace Shop.Orders
{
    [Serializable]
    public sealed class Order<T> : Base, IOrder where T : new()
    {
        private const int MaxItems = 10;
        public const string NAME = "x";
        public string Name { get; set; } = @"c:\""{";
        public int Count => items.Count;
        public Order(string name) : base(name) { Name = name; }
        public async Task<List<T>> FindAsync(string key, CancellationToken token = default)
        {
            using (var x = Open()) { foreach (var y in x) { Call(y); } }
            return $"{key}";
        }
        protected abstract void Later();
        public static int Twice(int n) => n * 2;
        public enum Level { Low, High }
    }
    public interface IOrder { Task Run(int n); }
    public record Pair(int A, int B);
    public delegate void Changed(object sender);
}
"#,
        "\
3 namespace Shop.Orders
  6 public sealed class Order<T> : Base, IOrder where T : new()
    9 public const string NAME = \"x\"
    10 public string Name
    12 public Order(string name) : base(name)
    13 public async Task<List<T>> FindAsync(string key, CancellationToken token = default)
    18 protected abstract void Later()
    19 public static int Twice(int n) => n * 2
    20 public enum Level
  22 public interface IOrder
    22 Task Run(int n)
  23 public record Pair(int A, int B)
  24 public delegate void Changed(object sender)
",
    );
}
