//! {{name}}: tools for charthouse. What doc comments say here is what the model reads.

use charthouse_sdk::{Failure, export_tools, log, tool};

/// Greets a person by name, once or several times.
#[tool(effect = none)]
fn greet(
    /// The person's name.
    name: String,
    /// How often, at most 10.
    #[default(1)]
    times: usize,
) -> Result<String, Failure> {
    if times > 10 {
        return Err(Failure::invalid(
            "`times` is at most 10: nobody listens for longer",
        ));
    }
    log::info(format!("greeted {name}"));
    Ok(vec![format!("Hello, {name}!"); times].join("\n"))
}

export_tools!(greet);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greets() {
        assert_eq!(greet("Ada".into(), 1).unwrap(), "Hello, Ada!");
        assert!(greet("Ada".into(), 11).is_err());
    }
}
