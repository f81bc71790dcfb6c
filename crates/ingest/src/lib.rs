//! Readers that turn what people hold into documents and problems
