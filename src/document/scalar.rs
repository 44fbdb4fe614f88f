//! What a plain scalar means: the core schema of YAML 1.2, with a word on what YAML 1.1 made of it.

use super::Kind;

/// What a plain scalar means, and what another reader could take it for.
pub(super) struct Resolved {
    pub(super) kind: Kind,
    pub(super) ambiguous: Option<Ambiguous>,
}

/// A plain scalar that readers of YAML 1.1 take for something else.
pub(super) struct Ambiguous {
    pub(super) message: String,
    pub(super) help: String,
}

pub(super) fn resolve(text: &str) -> Resolved {
    let sure = |kind| Resolved { kind, ambiguous: None };
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return sure(Kind::Null),
        "true" | "True" | "TRUE" => return sure(Kind::Bool(true)),
        "false" | "False" | "FALSE" => return sure(Kind::Bool(false)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return sure(Kind::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return sure(Kind::Float(f64::NEG_INFINITY)),
        ".nan" | ".NaN" | ".NAN" => return sure(Kind::Float(f64::NAN)),
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF" | "y"
        | "Y" | "n" | "N" => {
            return Resolved {
                kind: Kind::Str(text.into()),
                ambiguous: Some(Ambiguous {
                    message: format!("`{text}` is a text here, but true or false for older readers of YAML"),
                    help: format!("write \"{text}\", or true or false"),
                }),
            };
        }
        _ => {}
    }
    let plain = || sure(Kind::Str(text.into()));
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return plain();
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        let digits = text.strip_prefix(prefix).filter(|digits| !digits.starts_with('+'));
        if let Some(number) = digits.and_then(|digits| u64::from_str_radix(digits, radix).ok()) {
            return sure(Kind::UInt(number));
        }
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let kind = whole_number(text);
        let ambiguous = (digits.len() > 1 && digits.starts_with('0')).then(|| Ambiguous {
            message: format!("`{text}` is a decimal number here, but an octal one for older readers of YAML"),
            help: format!(
                "write \"{text}\" for a text, or 0o{} for an octal number",
                digits.trim_start_matches('0')
            ),
        });
        return Resolved { kind, ambiguous };
    }
    let number_like = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+');
    if text.bytes().all(number_like)
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && let Ok(number) = text.parse::<f64>()
    {
        return sure(Kind::Float(number));
    }
    let base_60 = digits.contains(':')
        && digits.split(':').enumerate().all(|(at, part)| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (at == 0 || part.len() <= 2)
        });
    if base_60 {
        return Resolved {
            kind: Kind::Str(text.into()),
            ambiguous: Some(Ambiguous {
                message: format!(
                    "`{text}` is a text here, but a number in base 60 for older readers of YAML"
                ),
                help: format!("write \"{text}\""),
            }),
        };
    }
    plain()
}

fn whole_number(text: &str) -> Kind {
    text.parse()
        .map(Kind::Int)
        .or_else(|_| text.parse().map(Kind::UInt))
        .or_else(|_| text.parse().map(Kind::Float))
        .unwrap_or_else(|_| Kind::Str(text.into()))
}
