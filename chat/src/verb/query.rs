//! Passes each query to its function. Queries are requests that read the database.

use crate::flow::Flow;
use crate::query_context::QueryContext;
use crate::request::Query;
use crate::verb::paging::PageRequest;
use crate::verb::{conversations, history};

/// Answers a query.
pub(crate) fn answer(context: &QueryContext<'_>, query: Query<'_>) -> Flow {
    let Some(_slot) = context.acquire_slot()? else { return Ok(()) };
    match query {
        Query::History { with, anchor, limit } => history::history(context, with, anchor, limit),
        Query::Search { text, before, limit } => {
            history::search(context, &text, PageRequest { before, limit });
        }
        Query::Conversations { before, limit } => {
            conversations::list(context, PageRequest { before, limit });
        }
        Query::GroupShow { group } => conversations::show(context, group),
        Query::Blocks => conversations::blocks(context),
    }
    Ok(())
}
