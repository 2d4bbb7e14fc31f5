//! Documents: from a folder, from S3, and where they cannot be had.

mod documents_are_missing;
mod file;
mod s3;
mod s3_is_hostile;
mod the_document_server_is_away;
