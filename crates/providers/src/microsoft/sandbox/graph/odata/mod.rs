//! `OData` system query options over JSON entities (contract, 4.5).

mod filter;
mod list;
mod parse;
mod tokens;

use axum::http::StatusCode;
use serde_json::{Map, Value};

pub(super) use self::filter::Filter;
pub(super) use self::list::list;
use super::reply::Denied;

/// A type of entities, as queries know it.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its name, such as `microsoft.graph.message`.
    pub(super) name: &'static str,
    /// The properties that come without being asked for.
    pub(super) usual: &'static [&'static str],
    /// The properties that come only with `$select`.
    pub(super) on_request: &'static [&'static str],
    /// What `$expand` can name.
    pub(super) expandable: &'static [&'static str],
    /// The most that `$top` can ask for.
    pub(super) most: usize,
    /// Whether what is sorted by must come first in `$filter`.
    pub(super) sorts_by_filter: bool,
}

/// The query of a request. Options are known with and without their dollar sign, whatever the case.
#[derive(Debug, Clone, Default)]
pub(super) struct Options(Vec<(String, String)>);

/// The options of a query, checked against a type.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// The names in `$select`, as the type spells them.
    pub(super) select: Option<Vec<&'static str>>,
    pub(super) filter: Option<Filter>,
    /// What to sort by, and whether downwards.
    pub(super) order: Vec<(String, bool)>,
    pub(super) expand: Vec<&'static str>,
    pub(super) top: Option<usize>,
    pub(super) skip: usize,
    pub(super) count: bool,
    pub(super) search: Option<String>,
}

impl Options {
    /// Reads the query of a URL.
    pub(super) fn read(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// An option or another parameter, without the dollar sign.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let is_it = |key: &str| bare(key).eq_ignore_ascii_case(name);
        self.0.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value.as_str())
    }

    /// The options with another value for one of them.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let kept = self.0.iter().filter(|(key, _)| !bare(key).eq_ignore_ascii_case(name));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        query.append_pair(&format!("${name}"), value).finish()
    }

    /// The names of all options, in lower case and without their dollar signs.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(key, _)| bare(key).to_ascii_lowercase())
    }

    /// The options but for these.
    pub(super) fn without(&self, names: &[&str]) -> String {
        let is_one = |key: &str| names.iter().any(|name| bare(key).eq_ignore_ascii_case(name));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(key, _)| !is_one(key))).finish()
    }

    /// The options as `kind` understands them.
    pub(super) fn query(&self, kind: &'static Kind) -> Result<Query, Denied> {
        let names = |option: &str| {
            let text = self.get(option).unwrap_or_default();
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect::<Vec<_>>()
        };
        let select = names("select").into_iter().map(|name| kind.property(name));
        let select = select.collect::<Result<Vec<_>, _>>()?;
        let order = names("orderby").into_iter().map(|part| {
            let (path, direction) = part.split_once(' ').unwrap_or((part, "asc"));
            let path = path.replace('.', "/");
            kind.property(path.split('/').next().unwrap_or_default())?;
            match direction.trim().to_ascii_lowercase().as_str() {
                "asc" => Ok((path, false)),
                "desc" => Ok((path, true)),
                _ => Err(bad(format!("Syntax error at position {} in '{part}'.", path.len() + 1))),
            }
        });
        let query = Query {
            select: (!select.is_empty()).then_some(select),
            filter: self.get("filter").map(|text| Filter::parse(text, kind)).transpose()?,
            order: order.collect::<Result<_, _>>()?,
            expand: self.expansions(kind)?,
            top: self.number("top")?,
            skip: self.number("skip")?.unwrap_or_default(),
            count: self.get("count").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            search: self.get("search").map(str::to_owned),
        };
        query.check(kind)?;
        Ok(query)
    }

    /// What `$expand` names; the options of an expansion stand in parentheses and have no effect.
    fn expansions(&self, kind: &'static Kind) -> Result<Vec<&'static str>, Denied> {
        let mut depth = 0;
        let parts = self.get("expand").unwrap_or_default().split(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        });
        let names = parts.map(|part| part.split('(').next().unwrap_or_default().trim());
        names
            .filter(|name| !name.is_empty())
            .map(|name| {
                let known = kind.expandable.iter().find(|known| known.eq_ignore_ascii_case(name));
                known.copied().ok_or_else(|| kind.no_property(name))
            })
            .collect()
    }

    fn number(&self, name: &str) -> Result<Option<usize>, Denied> {
        let parse = |value: &str| {
            value.trim().parse().map_err(|_| {
                bad(format!(
                    "Invalid value '{value}' for ${name} query option found. The ${name} query option \
                     requires a non-negative integer value."
                ))
            })
        };
        self.get(name).map(parse).transpose()
    }
}

impl Query {
    fn check(&self, kind: &Kind) -> Result<(), Denied> {
        let invalid = |code: &str, message: &str| {
            Err(Denied::new(StatusCode::BAD_REQUEST, code, message.to_owned()))
        };
        if self.top.is_some_and(|top| top == 0 || top > kind.most) {
            let message = format!("The value of $top must be between 1 and {}.", kind.most);
            return invalid("ErrorInvalidParameter", &message);
        }
        if self.search.is_some() && self.filter.is_some() {
            let message = "The query parameter '$filter' is not supported with '$search'.";
            return invalid("SearchWithFilter", message);
        }
        if self.search.is_some() && !self.order.is_empty() {
            let message = "The query parameter '$orderBy' is not supported with '$search'.";
            return invalid("SearchWithOrderBy", message);
        }
        let filtered = self.filter.as_ref().map(Filter::paths).filter(|_| kind.sorts_by_filter);
        let same =
            |((order, _), filter): (&(String, bool), &String)| order.eq_ignore_ascii_case(filter);
        if let Some(filtered) = filtered
            && (filtered.len() < self.order.len() || !self.order.iter().zip(&filtered).all(same))
        {
            let message = "The restriction or sort order is too complex for this operation.";
            return invalid("InefficientFilter", message);
        }
        Ok(())
    }

    /// What of an entity was asked for; its id and annotations always come along.
    pub(super) fn shape(&self, kind: &Kind, entity: Value) -> Value {
        let Value::Object(entity) = entity else {
            return entity;
        };
        Value::Object(entity.into_iter().filter(|(name, _)| self.wants(kind, name)).collect())
    }

    /// Whether a member was asked for.
    pub(super) fn wants(&self, kind: &Kind, name: &str) -> bool {
        match &self.select {
            _ if name.contains('@') || name == "id" => true,
            Some(select) => select.contains(&name) || self.expand.contains(&name),
            None => {
                let only_expanded = kind.expandable.contains(&name) && !self.expand.contains(&name);
                !kind.on_request.contains(&name) && !only_expanded
            }
        }
    }

    /// The selection as a context repeats it.
    pub(super) fn selection(&self) -> String {
        self.select.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default()
    }
}

impl Kind {
    /// The property of this name, as it is spelled.
    pub(super) fn property(&self, name: &str) -> Result<&'static str, Denied> {
        if name.eq_ignore_ascii_case("id") {
            return Ok("id");
        }
        let all = self.usual.iter().chain(self.on_request).chain(self.expandable);
        let found = all.copied().find(|known| known.eq_ignore_ascii_case(name));
        found.ok_or_else(|| self.no_property(name))
    }

    fn no_property(&self, name: &str) -> Denied {
        bad(format!(
            "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type '{}'.",
            self.name,
        ))
    }
}

/// The value at a path such as `from/emailAddress/address`; null where there is none. Names are
/// compared without their case.
pub(super) fn at<'a>(entity: &'a Value, path: &str) -> &'a Value {
    let member = |object: &'a Map<String, Value>, name: &str| {
        let exact = object.get(name);
        exact.or_else(|| {
            object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v)
        })
    };
    let step = |value: &'a Value, name: &str| {
        value.as_object().and_then(|object| member(object, name)).unwrap_or(&Value::Null)
    };
    path.split('/').filter(|name| !name.is_empty()).fold(entity, step)
}

fn bare(key: &str) -> &str {
    key.strip_prefix('$').unwrap_or(key)
}

fn bad(message: impl Into<String>) -> Denied {
    Denied::new(StatusCode::BAD_REQUEST, "BadRequest", message.into())
}
