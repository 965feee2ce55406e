//! Ruby: blocks that end with `end`, heredocs.

use super::check;

#[test]
fn ruby() {
    check(
        "a.rb",
        r##"# def commented
require 'a'
VERSION = "1.0"
=begin
def in_comment
end
=end
module Shop
  class Order < Base
    LIMITS = [1,
      2].freeze
    attr_reader :name
    def initialize(name, *rest, key: 1)
      @name = name
      text = <<~SQL
        def in_heredoc
      SQL
    end
    def self.find(id) = new(id)
    private def valid?
      name =~ /end # "def/
    end
    class << self
      def build; end
    end
  end
end
def top(a)
  puts "#{a} def x"
end
"##,
        "\
3 VERSION = \"1.0\"
8 module Shop
  9 class Order < Base
    10 LIMITS = [1, 2].freeze
    13 def initialize(name, *rest, key: 1)
    19 def self.find(id) = new(id)
    20 private def valid?
    23 class << self
      24 def build; end
28 def top(a)
",
    );
}
