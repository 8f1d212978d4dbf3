//! Status to text: templates, contexts, helpers, every link in one file.
