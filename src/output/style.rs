//! How text for people looks.

/// How text for people looks; the caller asks the terminal and the environment, not this room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used.
    pub color: bool,
    /// Whether lines and arrows may be drawn with more than ASCII.
    pub unicode: bool,
    /// The columns of the screen.
    pub width: usize,
}

impl Default for Style {
    /// Fits everywhere: no colours, ASCII, 100 columns.
    fn default() -> Self {
        Self { color: false, unicode: false, width: 100 }
    }
}
