//! Records of the shape that ACA-Py's `BaseRecord` has: a JSON object, some of whose members are tags too.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use trustkeep_wallet::{Query, Record};

use crate::{Error, Result, Work};

/// A record that the controller is told of.
pub trait Stored: Serialize + DeserializeOwned + Send {
    /// The category in the wallet.
    const CATEGORY: &'static str;
    /// Under which topic its changes are told; `None` if they are not.
    const TOPIC: Option<&'static str>;
    /// What its id is called outside.
    const ID: &'static str;
    /// The members that it is found by.
    const TAGS: &'static [&'static str];

    /// Its name: a UUID.
    fn id(&self) -> &str;

    /// Gives it its name, which the value in the wallet does not hold.
    fn set_id(&mut self, id: &str);

    /// Notes when it was changed.
    fn set_time(&mut self, now: String);

    /// In which lane its changes are told.
    fn lane(&self) -> &str {
        self.id()
    }

    /// Saves it, and tells the controller.
    fn save(&mut self, work: &mut Work) {
        self.set_time(work.timestamp());
        let members = members(self);
        let mut record = Record::new(Self::CATEGORY, self.id(), Value::Object(members.clone()).to_string());
        for tag in Self::TAGS {
            match members.get(*tag) {
                Some(Value::String(value)) => record = record.tagged(*tag, value.as_str()),
                Some(Value::Bool(value)) => record = record.tagged(*tag, value.to_string()),
                _ => {}
            }
        }
        work.put(record);
        self.tell(work);
    }

    /// Tells the controller how it stands.
    fn tell(&self, work: &mut Work) {
        if let Some(topic) = Self::TOPIC {
            work.tell(self.lane(), topic, &self.to_view());
        }
    }

    /// As the admin API and the webhooks show it: what is not there is left out.
    fn to_view(&self) -> Value {
        let mut view = members(self);
        view.retain(|_, value| !value.is_null());
        view.insert(Self::ID.to_owned(), self.id().into());
        view.into()
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is damaged.
    fn read(record: &Record) -> Result<Self> {
        let mut read: Self = serde_json::from_slice(&record.value)
            .map_err(|error| Error::corrupt(Self::CATEGORY, &record.name, error))?;
        read.set_id(&record.name);
        Ok(read)
    }

    /// The one of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    fn get(work: &mut Work, id: &str) -> impl Future<Output = Result<Self>> + Send {
        async move {
            let record = work.get(Self::CATEGORY, id).await?;
            Self::read(&record.ok_or_else(|| Error::no_record(Self::CATEGORY, id))?)
        }
    }

    /// Those that fit.
    ///
    /// # Errors
    /// Those of the wallet.
    fn find(work: &mut Work, query: &Query) -> impl Future<Output = Result<Vec<Self>>> + Send {
        async move { work.find(query).await?.iter().map(Self::read).collect() }
    }

    /// The first with this tag.
    ///
    /// # Errors
    /// Those of the wallet.
    fn by_tag(work: &mut Work, tag: &str, value: &str) -> impl Future<Output = Result<Option<Self>>> + Send {
        let query = Query::tagged(Self::CATEGORY, tag, value);
        async move { work.first(query).await?.map(|record| Self::read(&record)).transpose() }
    }

    /// Removes it; the controller is not told.
    ///
    /// # Errors
    /// Those of the wallet.
    fn remove(&self, work: &mut Work) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sync,
    {
        async move {
            if let Some(record) = work.get(Self::CATEGORY, self.id()).await? {
                work.remove(&record);
            }
            Ok(())
        }
    }
}

fn members<T: Serialize>(record: &T) -> Map<String, Value> {
    match serde_json::to_value(record) {
        Ok(Value::Object(members)) => members,
        // Texts, lists and objects with text keys: there is nothing that could not be written.
        _ => Map::new(),
    }
}
