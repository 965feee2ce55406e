//! C and C++: the preprocessor, templates, namespaces, declarations that are no definitions.

use super::check;

#[test]
fn c() {
    check(
        "a.h",
        r#"#ifndef A_H
#define A_H
#define MOST 10
#define SQUARE(x) \
    ((x) * (x))
#include <stdio.h>
/* int commented(void) { */
extern "C" {
typedef unsigned long word_t;
typedef struct point { int x, y; } point_t;
struct node { struct node *next; };
struct forward;
enum color { RED, GREEN };
static inline int add(int a, int b) { return a + b; }
int prototype(const char *text, size_t length);
}
static const int TABLE[] = { 1, 2 };
struct node *
find(struct node *from,
     int (*same)(int))
{
    if (from) { while (1) { char c = '}'; } }
    return 0;
}
#ifdef WIDE
int open_file(wchar_t *name) {
#else
int open_file(char *name) {
#endif
    return printf("}");
}
void last(void) {}
#endif
"#,
        "\
3 #define MOST 10
4 #define SQUARE(x)
9 typedef unsigned long word_t
10 typedef struct point
10 typedef … point_t
11 struct node
13 enum color
14 static inline int add(int a, int b)
15 int prototype(const char *text, size_t length)
17 static const int TABLE[]
18 struct node * find(struct node *from, int (*same)(int))
26 int open_file(wchar_t *name)
28 int open_file(char *name)
32 void last(void)
",
    );
}

#[test]
fn cpp() {
    check(
        "a.cpp",
        r###"namespace geo { namespace detail {
template <typename T, int N = (1 > 2)>
class Shape : public Base<T> {
public:
    explicit Shape(int n) : n_(n), m_{n} { go(); }
    ~Shape();
    virtual double area() const = 0;
    bool operator==(const Shape &other) const { return true; }
    static constexpr int LIMIT = 5;
private:
    int n_;
    struct Inner { void deep(); };
};
enum class Kind : int { A, B };
}}
const char *text = R"x(void raw() { )" )x";
std::vector<int> geo::Shape::list(const std::string &s) const {
    auto f = [](int a) { return a; };
    return {};
}
int number = 1'000'000;
using Name = std::string;
using namespace std;
int main(int argc, char **argv) { return 0; }
"###,
        "\
1 namespace geo
  1 namespace detail
    3 class Shape : public Base<T>
      5 explicit Shape(int n)
      6 ~Shape()
      7 virtual double area() const = 0
      9 static constexpr int LIMIT = 5
      12 struct Inner
        12 void deep()
    14 enum class Kind : int
17 std::vector<int> geo::Shape::list(const std::string &s) const
22 using Name = std::string
24 int main(int argc, char **argv)
",
    );
}
