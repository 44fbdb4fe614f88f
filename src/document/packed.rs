//! A text that takes little room while nobody reads it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Below this, packing is not worth the while.
const WORTH_PACKING: usize = 4 * 1024 * 1024;

/// A text is packed block by block: in one piece it would take its own size once more on the way.
const BLOCK: usize = 1024 * 1024;

/// The text of a file. All copies of it are the same one: it can be packed, and is unpacked for whoever reads it next.
///
/// Once the types of a plan have been read, its text is asked for where something is wrong, and that of a large plan is large.
#[derive(Clone, Debug)]
pub struct FileText(Arc<Mutex<Held>>);

#[derive(Debug)]
enum Held {
    Plain(Arc<String>),
    /// Blocks by LZ4, each with its length before it.
    Packed(Vec<Vec<u8>>),
}

impl FileText {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(Held::Plain(Arc::new(text.into())))))
    }

    /// Returns the text.
    pub fn read(&self) -> Arc<String> {
        let mut held = self.held();
        let text = match &*held {
            Held::Plain(text) => return text.clone(),
            Held::Packed(blocks) => Arc::new(unpack(blocks)),
        };
        *held = Held::Plain(text.clone());
        text
    }

    /// Packs the text if it is large.
    pub fn pack(&self) {
        let mut held = self.held();
        if let Held::Plain(text) = &*held
            && text.len() >= WORTH_PACKING
        {
            let blocks = text.as_bytes().chunks(BLOCK).map(lz4_flex::compress_prepend_size);
            *held = Held::Packed(blocks.collect());
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unpack(blocks: &[Vec<u8>]) -> String {
    let blocks = blocks.iter().map(|block| lz4_flex::decompress_size_prepended(block));
    let text = blocks.collect::<Result<Vec<_>, _>>().map(|blocks| String::from_utf8(blocks.concat()));
    let Ok(Ok(text)) = text else { unreachable!("it was packed above") };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_text_is_read_as_it_was() {
        let text = "ä: [1, 2]\n".repeat(WORTH_PACKING / 10);
        let first = FileText::new(text.as_str());
        let second = first.clone();
        first.pack();
        assert!(matches!(&*second.held(), Held::Packed(blocks) if blocks.concat().len() < text.len() / 10));
        assert_eq!(*second.read(), text);
        assert!(matches!(&*first.held(), Held::Plain(_)));
    }

    #[test]
    fn a_small_text_stays_as_it_is() {
        let text = FileText::new("a: 1\n");
        text.pack();
        assert!(matches!(&*text.held(), Held::Plain(_)));
    }
}
