//! Acme's calendar.

use async_trait::async_trait;
use evergrant::capability::{
    Answer, Availability, AvailabilityAsk, Calendar, Calendars, Cursor, Event, EventChanges,
    EventQuery, NewEvent, Once, Page, ShowAs, SuggestedTime, Suggestions, SuggestionsAsk,
};
use evergrant::{Api, CallError};

use crate::desk::Desk;
use crate::shelf::{self, adele, id, part, same};

#[async_trait]
impl Calendars for Desk {
    async fn calendars(&self, api: &Api) -> Result<Vec<Calendar>, CallError> {
        self.enter(api).await?;
        Ok(vec![Calendar {
            id: "cal/1+a=".to_owned(),
            name: "Calendar".to_owned(),
            color: None,
            is_default: true,
            can_edit: true,
            owner: Some(adele()),
            online_meetings: true,
            extra: serde_json::Map::from_iter([("mood".to_owned(), "sunny".into())]),
        }])
    }

    async fn events(
        &self,
        api: &Api,
        query: &EventQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Event>, CallError> {
        self.enter(api).await?;
        let all = self.acme.shelf(|shelf| {
            shelf.done.push(format!("list {query:?}"));
            shelf.events.values().cloned().collect()
        });
        Ok(part(all, query.limit, cursor))
    }

    async fn event(&self, api: &Api, id: &str) -> Result<Event, CallError> {
        self.enter(api).await?;
        self.changed(|shelf| &mut shelf.events, id, |_| {})
    }

    async fn create_event(
        &self,
        api: &Api,
        once: Once,
        new: &NewEvent,
    ) -> Result<Event, CallError> {
        self.enter(api).await?;
        if let Err(error) = new.start_time.instant(new.time_zone.as_ref()) {
            let (pointer, problem) = ("/start_time".to_owned(), error.to_string());
            return Err(CallError::Invalid { pointer, problem });
        }
        Ok(self.acme.shelf(|shelf| {
            let number = shelf.number("create event", Some(once));
            let event = Event {
                subject: Some(new.subject.clone()),
                start_time: new.start_time,
                end_time: new.end_time,
                recurrence: new.recurrence.clone(),
                ..shelf::event(number)
            };
            shelf.events.insert(event.id.clone(), event.clone());
            event
        }))
    }

    async fn update_event(
        &self,
        api: &Api,
        id: &str,
        changes: &EventChanges,
        version: Option<&str>,
    ) -> Result<Event, CallError> {
        self.enter(api).await?;
        let now = self.changed(|shelf| &mut shelf.events, id, |_| {})?;
        same(version, now.version.as_deref())?;
        self.changed(
            |shelf| &mut shelf.events,
            id,
            |event| {
                event.version = Some("v9".to_owned());
                event.subject = changes.subject.clone().or(event.subject.take());
            },
        )
    }

    async fn delete_event(
        &self,
        api: &Api,
        id: &str,
        version: Option<&str>,
    ) -> Result<(), CallError> {
        self.enter(api).await?;
        let now = self.changed(|shelf| &mut shelf.events, id, |_| {})?;
        same(version, now.version.as_deref())?;
        self.removed(|shelf| &mut shelf.events, id)
    }

    async fn cancel_event(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        comment: Option<&str>,
    ) -> Result<(), CallError> {
        self.enter(api).await?;
        self.tried("cancel event", once);
        self.acme.shelf(|shelf| shelf.number(&format!("cancel {id}: {comment:?}"), None));
        self.changed(|shelf| &mut shelf.events, id, |event| event.is_cancelled = true).map(drop)
    }

    async fn respond(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        answer: &Answer,
    ) -> Result<(), CallError> {
        self.enter(api).await?;
        self.tried("respond", once);
        let response = answer.response.clone();
        self.changed(|shelf| &mut shelf.events, id, |event| event.response = response).map(drop)
    }

    async fn availability(
        &self,
        api: &Api,
        ask: &AvailabilityAsk,
    ) -> Result<Vec<Availability>, CallError> {
        self.enter(api).await?;
        let free = |email: &String| Availability {
            email: email.clone(),
            slots: vec![ShowAs::Free],
            busy: Vec::new(),
            error: None,
        };
        Ok(ask.emails.iter().map(free).collect())
    }

    async fn suggest_times(
        &self,
        api: &Api,
        ask: &SuggestionsAsk,
    ) -> Result<Suggestions, CallError> {
        self.enter(api).await?;
        let time = SuggestedTime {
            start_time: ask.start_time,
            end_time: ask.end_time,
            confidence: 100.0,
            organizer: ShowAs::Free,
            attendees: vec![("adele@acme.test".to_owned(), ShowAs::Free)],
            reason: Some(id("evt", 1)),
        };
        Ok(Suggestions { results: vec![time], empty_reason: None })
    }
}
