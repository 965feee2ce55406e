//! Doc comments as a model reads them: what is wrapped in the source is one line, paragraphs and lists stay apart.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of all doc comments among `attributes`.
pub fn text(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(line);
    let mut text = String::new();
    let mut begins = true;
    for line in lines.flat_map(|lines| lines.split('\n').map(str::to_owned).collect::<Vec<_>>()) {
        let line = line.trim();
        if line.is_empty() {
            begins = true;
            continue;
        }
        let is_item = line.starts_with("- ") || line.starts_with("* ");
        match (text.is_empty(), begins, is_item) {
            (true, ..) => {}
            (_, true, _) => text.push_str("\n\n"),
            (_, _, true) => text.push('\n'),
            _ => text.push(' '),
        }
        text.push_str(line);
        begins = false;
    }
    text
}

/// Whether the attribute is a doc comment.
pub fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

fn line(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn wrapped_lines_are_joined_and_paragraphs_and_items_stay_apart() {
        let attributes: Vec<Attribute> = vec![
            parse_quote!(#[doc = " Reads a"]),
            parse_quote!(#[doc = " file."]),
            parse_quote!(#[other]),
            parse_quote!(#[doc = ""]),
            parse_quote!(#[doc = " It knows:"]),
            parse_quote!(#[doc = " - text"]),
            parse_quote!(#[doc = " - pictures"]),
        ];
        assert_eq!(
            text(&attributes),
            "Reads a file.\n\nIt knows:\n- text\n- pictures"
        );
        assert_eq!(text(&[]), "");
    }
}
