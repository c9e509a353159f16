//! Objects: members in the order in which they came, found by name.

use std::collections::HashMap;

use super::Json;

/// So many members are compared one by one, which is faster than hashing; beyond, they are found by an index.
const FEW: usize = 16;

/// The members of an object, in their order.
#[derive(Clone, Debug, Default)]
pub struct Object {
    members: Vec<(String, Json)>,
    /// The place of every name, once there are more than [`FEW`].
    places: Option<HashMap<String, usize>>,
}

impl Object {
    /// No members yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.members.get(self.place(name)?).map(|(_, value)| value)
    }

    /// Sets a member: at its place if it is there, else as the last one.
    pub fn insert(&mut self, name: impl AsRef<str> + Into<String>, value: Json) {
        if let Some((_, old)) = self.place(name.as_ref()).and_then(|place| self.members.get_mut(place)) {
            *old = value;
            return;
        }
        if let Some(places) = &mut self.places {
            places.insert(name.as_ref().to_owned(), self.members.len());
        }
        self.members.push((name.into(), value));
        if self.places.is_none() && self.members.len() > FEW {
            self.places =
                Some(self.members.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect());
        }
    }

    /// Takes a member away; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let place = self.place(name)?;
        let (_, value) = self.members.remove(place);
        if let Some(places) = &mut self.places {
            places.remove(name);
            places.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
        }
        Some(value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.members.iter().map(|(name, _)| name)
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self.members.iter().position(|(other, _)| other == name),
        }
    }
}

/// The order does not count.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl<S: AsRef<str> + Into<String>> FromIterator<(S, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (S, Json)>>(members: I) -> Self {
        let members = members.into_iter();
        let mut object = Self { members: Vec::with_capacity(members.size_hint().0), places: None };
        members.for_each(|(name, value)| object.insert(name, value));
        object
    }
}

impl IntoIterator for Object {
    type Item = (String, Json);
    type IntoIter = std::vec::IntoIter<(String, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}
