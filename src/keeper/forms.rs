//! The forms in which a secret comes to light: as it is, encoded, quoted, and line by line.

pub(super) const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(super) const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Fewer letters of base64 than these would be found by accident everywhere.
const FEWEST_BASE64: usize = 4;

/// A secret of fewer bytes would be found by accident everywhere: it hides nothing and spoils all output.
const FEWEST: usize = 4;

/// A line of a secret with fewer bytes (a brace, `true`) is no secret by itself.
const FEWEST_IN_LINE: usize = 8;

/// Where `base64`, `openssl` and mail wrap lines.
pub(super) const WRAPPED_AT: [usize; 2] = [76, 64];

/// Whether a secret is long enough to be masked.
pub fn is_maskable(secret: &str) -> bool {
    secret.trim().len() >= FEWEST
}

/// Returns every form of a secret that is masked.
pub(super) fn forms_of(secret: &str) -> Vec<Vec<u8>> {
    // Programs and people drop the line end of a secret that was read from a file.
    let trimmed = secret.trim_end_matches(['\n', '\r']);
    let mut forms = Vec::new();
    for secret in [secret, trimmed] {
        if !is_maskable(secret) {
            continue;
        }
        add_text_forms(secret, &mut forms);
        for alphabet in [STANDARD, URL_SAFE] {
            let whole = base64(secret.as_bytes(), alphabet);
            let padding = (3 - secret.len() % 3) % 3;
            let padded = [whole.as_slice(), &b"=="[..padding]].concat();
            for wrapped_at in WRAPPED_AT.into_iter().filter(|width| padded.len() > *width) {
                let lines = padded.chunks(wrapped_at).filter(|line| line.len() >= FEWEST_IN_LINE);
                forms.extend(lines.map(<[u8]>::to_vec));
            }
            forms.extend([padded, whole].into_iter().filter(|form| form.len() >= FEWEST_BASE64));
            forms.extend((0..3).filter_map(|offset| inside_base64(secret.as_bytes(), offset, alphabet)));
        }
    }
    // Whoever prints a key file line by line prints it, also with something before each line.
    let lines = trimmed.lines().map(str::trim).filter(|line| line.len() >= FEWEST_IN_LINE);
    for line in lines.filter(|line| line.len() < trimmed.len()) {
        add_text_forms(line, &mut forms);
    }
    forms
}

/// Adds a text as it is, and as URLs, JSON and shells write it.
fn add_text_forms(text: &str, forms: &mut Vec<Vec<u8>>) {
    forms.push(text.as_bytes().to_vec());
    for upper in [true, false] {
        let percent = percent_encoded(text, upper);
        forms.push(percent.replace("%20", "+").into_bytes());
        forms.push(percent.replace("%2F", "/").replace("%2f", "/").into_bytes());
        forms.push(percent.into_bytes());
    }
    let json = serde_json::Value::from(text).to_string();
    let json = &json[1..json.len() - 1];
    forms.push(json.replace('/', "\\/").into_bytes());
    for json in [json.to_owned(), html_safe(json)] {
        forms.extend([true, false].map(|upper| ascii_alone(&json, upper).into_bytes()));
        forms.push(json.into_bytes());
    }
    for hex in [|byte| format!("{byte:02x}"), |byte: u8| format!("{byte:02X}")] {
        forms.push(text.bytes().map(hex).collect::<String>().into_bytes());
    }
    // `set -x` and `export -p` of a shell.
    forms.push(text.replace('\'', r"'\''").into_bytes());
    let mut quoted = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    forms.push(quoted.into_bytes());
}

/// Writes JSON as Go and browsers do, so that it may stand in HTML.
fn html_safe(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Writes JSON as Python and others do, with no letter beyond ASCII in it.
fn ascii_alone(json: &str, upper: bool) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            escaped.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
        }
    }
    escaped
}

fn percent_encoded(text: &str, upper: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ if upper => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded
}

/// Returns base64 without padding.
pub(super) fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..=chunk.len() {
            encoded.push(alphabet[(bits >> (18 - 6 * at) & 63) as usize]);
        }
    }
    encoded
}

/// Returns the letters that a text always has inside base64 when it begins at a place with this remainder.
fn inside_base64(bytes: &[u8], offset: usize, alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let shifted = [&[0, 0][..offset], bytes].concat();
    let encoded = base64(&shifted, alphabet);
    let first = (offset * 8).div_ceil(6);
    let last = shifted.len() * 8 / 6;
    (last >= first + FEWEST_BASE64).then(|| encoded[first..last].to_vec())
}
