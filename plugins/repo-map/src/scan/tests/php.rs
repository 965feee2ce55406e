//! PHP: what stands inside of the tags.

use super::check;

#[test]
fn php() {
    check(
        "a.php",
        r#"<html><body>function html() {}</body>
<?php
namespace App\Models;
# function commented() {}
const LIMIT = 10;
#[Entity]
abstract class User extends Model implements Named {
    public const ROLE = 'x';
    private ?string $name = "function quoted() {";
    public function __construct(private int $id) { $f = function () { return 1; }; }
    abstract protected function later(): void;
    public static function find(int $id): ?self {
        $text = <<<EOT
        function heredoc() {
        EOT;
        return null;
    }
}
interface Named { public function name(): string; }
trait Loud { function shout() {} }
function helper(array $a = []): string { return '}'; }
?>
<p>function more() {}</p>
"#,
        "\
3 namespace App\\Models
5 const LIMIT = 10
7 abstract class User extends Model implements Named
  8 public const ROLE = 'x'
  10 public function __construct(private int $id)
  11 abstract protected function later(): void
  12 public static function find(int $id): ?self
19 interface Named
  19 public function name(): string
20 trait Loud
  20 function shout()
21 function helper(array $a = []): string
",
    );
}
