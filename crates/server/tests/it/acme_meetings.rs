//! Acme's online meetings.

use async_trait::async_trait;
use evergrant::capability::{Meeting, MeetingChanges, Meetings, NewMeeting, Once};
use evergrant::{Api, CallError};

use crate::desk::Desk;
use crate::shelf;

#[async_trait]
impl Meetings for Desk {
    async fn create_meeting(
        &self,
        api: &Api,
        once: Once,
        new: &NewMeeting,
    ) -> Result<Meeting, CallError> {
        self.enter(api).await?;
        Ok(self.acme.shelf(|shelf| {
            let number = shelf.number("create meeting", Some(once));
            let meeting = Meeting {
                subject: Some(new.subject.clone()),
                start_time: Some(new.start_time),
                end_time: Some(new.end_time),
                passcode: new.passcode_required.then(|| "k3y9Zq".to_owned()),
                event_id: new.calendar_event.then(|| shelf::id("evt", number)),
                ..shelf::meeting(number)
            };
            shelf.meetings.insert(meeting.id.clone(), meeting.clone());
            meeting
        }))
    }

    async fn meeting(&self, api: &Api, id: &str) -> Result<Meeting, CallError> {
        self.enter(api).await?;
        self.changed(|shelf| &mut shelf.meetings, id, |_| {})
    }

    async fn update_meeting(
        &self,
        api: &Api,
        id: &str,
        changes: &MeetingChanges,
    ) -> Result<Meeting, CallError> {
        self.enter(api).await?;
        let change = |meeting: &mut Meeting| {
            meeting.subject = changes.subject.clone().or(meeting.subject.take());
        };
        self.changed(|shelf| &mut shelf.meetings, id, change)
    }

    async fn cancel_meeting(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        comment: Option<&str>,
    ) -> Result<(), CallError> {
        self.enter(api).await?;
        self.tried("cancel meeting", once);
        self.acme.shelf(|shelf| shelf.number(&format!("cancel {id}: {comment:?}"), None));
        self.removed(|shelf| &mut shelf.meetings, id)
    }
}
