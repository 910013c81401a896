//! Results made by hand, for the tests of programs that take them. Only with the feature `test-util`.

use super::Copied;

impl Copied {
    /// Makes a result for a test: so many files with so many bytes together.
    ///
    /// ```
    /// use guestexec_cci::Copied;
    ///
    /// let copied = Copied::for_test(2, 10);
    /// assert_eq!((copied.files(), copied.bytes()), (2, 10));
    /// ```
    pub fn for_test(files: u64, bytes: u64) -> Self {
        Self { files, bytes, ..Self::default() }
    }

    /// Sets how many directories there are.
    #[must_use]
    pub fn with_directories(mut self, directories: u64) -> Self {
        self.directories = directories;
        self
    }

    /// Sets how many links there are.
    ///
    /// ```
    /// use guestexec_cci::Copied;
    ///
    /// let copied = Copied::for_test(1, 5).with_directories(1).with_links(2);
    /// assert_eq!(copied.to_string(), "copied 1 file, 1 directory, 2 links: 5 bytes");
    /// ```
    #[must_use]
    pub fn with_links(mut self, links: u64) -> Self {
        self.links = links;
        self
    }
}
