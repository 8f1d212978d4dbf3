//! What tests of the engine decide about.

use crate::model::id::{BuildRequestId, BuilderId, BuildsetId};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::source_stamp::SourceStamp;
use crate::model::time::Time;
use crate::status::resource::BuildRequest;

/// Request `id`, which waits for `builder`.
pub fn request(id: i64, builder: BuilderKey) -> BuildRequest {
    BuildRequest {
        id: BuildRequestId(id),
        buildset_id: BuildsetId(id),
        builder_id: BuilderId(0),
        builder,
        priority: 0,
        submitted_at: Time::UNIX_EPOCH,
        reason: String::new(),
        owner: None,
        source_stamp: SourceStamp::default(),
        properties: Properties::default(),
        n_retries: 0,
    }
}
