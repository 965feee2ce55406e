//! Java and Kotlin: classes in classes, annotations, what a class has without braces.

use super::check;

#[test]
fn java() {
    check(
        "A.java",
        r#"package com.example.app;
import java.util.*;
/** class Commented {} */
@Service(name = "a{b")
public final class Account<T extends Comparable<T>> implements Store {
    private static final int MAX_SIZE = 10;
    private String name = "class Quoted {";
    public Account(String name) { this.name = name; }
    @Override
    public Map<String, List<T>> find(@NonNull String key, int... more) throws IOException {
        Runnable r = new Runnable() { public void run() {} };
        for (int i = 0; i < 1; i++) { call(i); }
        return null;
    }
    abstract void later();
    <U> U convert(U from) { return from; }
    enum Level { LOW(1), HIGH(2); Level(int n) {} }
    interface Inner { void act(); default int two() { return 2; } }
    @interface Marker {}
}
record Pair(int a, int b) { int sum() { return a + b; } }
"#,
        "\
1 package com.example.app
5 public final class Account<T extends Comparable<T>> implements Store
  6 private static final int MAX_SIZE = 10
  8 public Account(String name)
  10 public Map<String, List<T>> find(@NonNull String key, int... more) throws IOException
  15 abstract void later()
  16 <U> U convert(U from)
  17 enum Level
    17 Level(int n)
  18 interface Inner
    18 void act()
    18 default int two()
  19 interface Marker
21 record Pair(int a, int b)
  21 int sum()
",
    );
}

#[test]
fn kotlin() {
    check(
        "a.kt",
        r#"package a.b
const val LIMIT = 10
@Serializable
data class User(val name: String, val age: Int = 1)
sealed interface Shape
enum class Color(val rgb: Int) { RED(1), GREEN(2); fun hex() = "}" }
abstract class Base<T>(
    val items: List<T>,
) : Parent<T>(items), Other {
    val size: Int
        get() = items.size
    override suspend fun <R> map(to: (T) -> R): List<R> =
        items.map { to(it) }
    companion object {
        fun make(): Base<Int> { return object : Base<Int>() {} }
    }
}
fun String.shout(times: Int = 1): String {
    fun inner() {}
    return "${this} { $times" + """
        fun raw() {
    """
}
object Single : Base<Int>()
typealias Name = String
"#,
        "\
2 const val LIMIT = 10
4 data class User(val name: String, val age: Int = 1)
5 sealed interface Shape
6 enum class Color(val rgb: Int)
  6 fun hex() = \"}\"
7 abstract class Base<T>(val items: List<T>) : Parent<T>(items), Other
  10 val size: Int
  12 override suspend fun <R> map(to: (T) -> R): List<R> = items.map
  14 companion object
    15 fun make(): Base<Int>
18 fun String.shout(times: Int = 1): String
24 object Single : Base<Int>()
25 typealias Name = String
",
    );
}
