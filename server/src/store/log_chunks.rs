//! Pieces of logs. A chunk holds the lines `first_line` to `first_line + n_lines - 1`; `content` is one zstd frame of
//!
//! ```text
//! u8      version, 1
//! i64 LE  the first line's time, microseconds since 1970
//! then for each line
//!   u8      bits 0-1: channel (0 stdout, 1 stderr, 2 header); bit 2: the next line goes on with this one
//!   varint  microseconds since the line before, zigzag
//!   varint  how many bytes it has
//! then the bytes of all lines, one after the other
//! ```
//!
//! Varints are LEB128. Heads stand together because they compress to almost nothing that way.

use super::DbConnection;
use super::schema::log_chunks::dsl;
use crate::model::id::LogId;
use crate::model::time::Time;
use diesel::prelude::*;

/// A stored chunk.
#[derive(Debug, Clone, Queryable)]
pub struct ChunkRow {
    /// Its id.
    pub id: i64,
    /// The number of its first line.
    pub first_line: i64,
    /// How many lines it holds.
    pub n_lines: i64,
    /// Bytes of its lines, uncompressed.
    pub size_bytes: i64,
    /// See the head of this file.
    pub content: Vec<u8>,
}

const COLUMNS: (dsl::id, dsl::first_line, dsl::n_lines, dsl::size_bytes, dsl::content) =
    (dsl::id, dsl::first_line, dsl::n_lines, dsl::size_bytes, dsl::content);

/// A new chunk.
pub fn insert(
    c: &mut DbConnection,
    log: LogId,
    first_line: i64,
    n_lines: i64,
    size_bytes: i64,
    content: &[u8],
) -> QueryResult<()> {
    diesel::insert_into(dsl::log_chunks)
        .values((
            dsl::log_id.eq(log.0),
            dsl::first_line.eq(first_line),
            dsl::n_lines.eq(n_lines),
            dsl::size_bytes.eq(size_bytes),
            dsl::content.eq(content),
        ))
        .execute(c)
        .map(|_| ())
}

/// The chunk that holds `line`, or the first one after it.
pub fn get_at(c: &mut DbConnection, log: LogId, line: i64) -> QueryResult<Option<ChunkRow>> {
    let own = || dsl::log_chunks.filter(dsl::log_id.eq(log.0));
    let before = own().filter(dsl::first_line.le(line)).order(dsl::first_line.desc()).select(COLUMNS);
    let before: Option<ChunkRow> = super::optional(before.first(c))?;
    if let Some(found) = before.filter(|chunk| line < chunk.first_line + chunk.n_lines) {
        return Ok(Some(found));
    }
    super::optional(own().filter(dsl::first_line.gt(line)).order(dsl::first_line.asc()).select(COLUMNS).first(c))
}

/// Where chunks from `line` on are and how large: id, first line, lines, bytes; without their content.
pub fn list_heads(c: &mut DbConnection, log: LogId, line: i64, limit: i64) -> QueryResult<Vec<(i64, i64, i64, i64)>> {
    dsl::log_chunks
        .filter(dsl::log_id.eq(log.0))
        .filter(dsl::first_line.ge(line))
        .order(dsl::first_line.asc())
        .limit(limit)
        .select((dsl::id, dsl::first_line, dsl::n_lines, dsl::size_bytes))
        .load(c)
}

/// A chunk, or none.
pub fn get(c: &mut DbConnection, id: i64) -> QueryResult<Option<ChunkRow>> {
    super::optional(dsl::log_chunks.find(id).select(COLUMNS).first(c))
}

/// A chunk that was joined with others goes; false where it had gone.
pub fn delete(c: &mut DbConnection, id: i64) -> QueryResult<bool> {
    Ok(diesel::delete(dsl::log_chunks.find(id)).execute(c)? == 1)
}

/// A line as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 0 stdout, 1 stderr, 2 header.
    pub channel: u8,
    /// The next line goes on with this one.
    pub continues: bool,
    /// When it was read, to the microsecond.
    pub at: Time,
    /// What was printed, without its newline.
    pub bytes: Vec<u8>,
}

/// Lines of one chunk at most: whoever wants one of them unpacks all, and a line may have no bytes.
pub const LINES_MAX: usize = 16 << 10;

const VERSION: u8 = 1;
const CHANNEL: u8 = 0b011;
const CONTINUES: u8 = 0b100;

/// Said of a chunk that cannot be read: the database was changed or damaged from outside.
#[derive(Debug, thiserror::Error)]
#[error("a log chunk is damaged: {0}")]
pub struct Damaged(&'static str);

/// Lines as a chunk's content. `level` is zstd's: 1 while they come, more when chunks are joined.
///
/// # Errors
/// Where zstd has no memory.
pub fn encode(lines: &[Line], level: i32) -> std::io::Result<Vec<u8>> {
    let size_bytes: usize = lines.iter().map(|line| line.bytes.len()).sum();
    let mut plain = Vec::with_capacity(9 + size_bytes + 4 * lines.len());
    let mut at = lines.first().map_or(0, |line| line.at.timestamp_micros());
    plain.push(VERSION);
    plain.extend(at.to_le_bytes());
    for line in lines {
        let now = line.at.timestamp_micros();
        plain.push((line.channel & CHANNEL) | if line.continues { CONTINUES } else { 0 });
        put_varint(&mut plain, zigzag(now.wrapping_sub(at)));
        put_varint(&mut plain, line.bytes.len() as u64);
        at = now;
    }
    for line in lines {
        plain.extend_from_slice(&line.bytes);
    }
    zstd::bulk::compress(&plain, level)
}

/// The lines of `chunk` from its line `skip` on, at most `max`.
///
/// # Errors
/// Where the chunk is damaged.
pub fn decode(chunk: &ChunkRow, skip: usize, max: usize) -> Result<Vec<Line>, Damaged> {
    // A line's head takes 21 bytes at most.
    let room =
        usize::try_from(chunk.size_bytes + 21 * chunk.n_lines + 9).map_err(|_| Damaged("its size is negative"))?;
    let plain = zstd::bulk::decompress(&chunk.content, room).map_err(|_| Damaged("it does not decompress"))?;
    let (head, mut rest) = plain.split_at_checked(9).ok_or(Damaged("it has no head"))?;
    if head[0] != VERSION {
        return Err(Damaged("its version is unknown"));
    }
    let mut at = i64::from_le_bytes(head[1..9].try_into().map_err(|_| Damaged("it has no time"))?);
    let n_lines = usize::try_from(chunk.n_lines).map_err(|_| Damaged("its number of lines is negative"))?;
    // Those that are wanted; of the others no more than how many bytes come before.
    let mut heads = Vec::with_capacity(max.min(n_lines.saturating_sub(skip)));
    let mut before = 0usize;
    for i in 0..n_lines {
        let (flags, after) = rest.split_first().ok_or(Damaged("it ends in its heads"))?;
        rest = after;
        at = at.wrapping_add(unzigzag(take_varint(&mut rest)?));
        let len = usize::try_from(take_varint(&mut rest)?).map_err(|_| Damaged("a line is too long"))?;
        if i < skip {
            before = before.checked_add(len).ok_or(Damaged("it ends in its lines"))?;
        } else if heads.len() < max {
            heads.push((*flags, at, len));
        }
    }
    let (_, mut rest) = rest.split_at_checked(before).ok_or(Damaged("it ends in its lines"))?;
    let mut lines = Vec::with_capacity(heads.len());
    for (flags, at, len) in heads {
        let (bytes, after) = rest.split_at_checked(len).ok_or(Damaged("it ends in its lines"))?;
        rest = after;
        lines.push(Line {
            channel: flags & CHANNEL,
            continues: flags & CONTINUES != 0,
            at: Time::from_timestamp_micros(at).ok_or(Damaged("a time is out of range"))?,
            bytes: bytes.to_vec(),
        });
    }
    Ok(lines)
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn take_varint(from: &mut &[u8]) -> Result<u64, Damaged> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first().ok_or(Damaged("it ends in a number"))?;
        *from = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(n);
        }
    }
    Err(Damaged("a number is too long"))
}
