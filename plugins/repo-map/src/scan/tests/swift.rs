//! Swift: extensions, protocols, strings over several lines.

use super::check;

#[test]
fn swift() {
    check(
        "a.swift",
        r##"import UIKit
/* nested /* func no() {} */ */
let limit = 10
@MainActor
public final class View<T: Sized>: Base, Drawable where T: Other {
    private(set) var count: Int = 0
    static let shared = View()
    var area: Double { return width * height }
    required init?(coder: NSCoder) { super.init(coder: coder) }
    override func draw(_ rect: CGRect, in context: Context? = nil) throws -> Bool {
        func inner() {}
        return #"}"# == "\("{")"
    }
    class func make() -> View { View() }
    enum Mode: String { case a, b }
}
protocol Drawable: AnyObject {
    func draw(at point: Point) -> Bool
    var name: String { get }
}
extension View: Codable where T: Codable {
    func encode() {}
}
struct Point { let x, y: Int }
typealias Handler = (Int) -> Void
func top<T>(_ value: T) async -> T { value }
"##,
        "\
3 let limit = 10
5 public final class View<T: Sized>: Base, Drawable where T: Other
  6 private(set) var count: Int = 0
  7 static let shared = View()
  8 var area: Double
  9 required init?(coder: NSCoder)
  10 override func draw(_ rect: CGRect, in context: Context? = nil) throws -> Bool
  14 class func make() -> View
  15 enum Mode: String
17 protocol Drawable: AnyObject
  18 func draw(at point: Point) -> Bool
  19 var name: String
21 extension View: Codable where T: Codable
  22 func encode()
24 struct Point
  24 let x, y: Int
25 typealias Handler = (Int) -> Void
26 func top<T>(_ value: T) async -> T
",
    );
}
