//! Shell: functions in both forms, heredocs.

use super::check;

#[test]
fn shell() {
    check(
        "a.sh",
        r#"#!/bin/bash
# commented() {
set -eu
build() {
  local n=${1#x}; echo "it's {" ; case $n in a) ;; esac
}
function deploy-all { echo "
not_this() {
"; }
cat <<EOF
nor_this() {
EOF
function both() { :; }
run () ( cd "$1" && shift )
call "$(build)"
"#,
        "4 build()\n7 function deploy-all\n13 function both\n14 run()\n",
    );
}
