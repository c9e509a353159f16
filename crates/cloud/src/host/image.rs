//! The controller's images: archives in a directory, delivered to machines that have no registry to pull from.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Kind, Result};

/// Bytes of an archive's table of contents.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// Files that are looked at in an archive before it counts as having no table of contents.
const ENTRIES_MAX: usize = 10_000;
/// How the names of unfinished files begin, how many there may be, and when nobody can be writing one any more.
const PART: &str = ".part-";
const PARTS_MAX: u32 = 1000;
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Letters of an image's name.
const NAME_CHARS_MAX: usize = 400;

/// A directory of archives as `docker save` writes them, each found by the names in its `manifest.json`. Files that are put there
/// by hand count like those that [`Self::add`] puts there.
#[derive(Clone, Debug)]
pub struct ImageStore {
    directory: PathBuf,
}

/// An archive in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredImage {
    /// The names of the images in it, each with its tag.
    pub names: Vec<String>,
    /// Where it is.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was put there.
    pub added_at: Option<Timestamp>,
}

impl ImageStore {
    /// The store in a directory, which is made when the first image is added.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// What is in it, sorted by names. Files that are no archives of images are passed over.
    ///
    /// # Errors
    /// `Unavailable` if the directory cannot be read.
    pub async fn list(&self) -> Result<Vec<StoredImage>> {
        let directory = self.directory.clone();
        blocking(move || list(&directory)).await
    }

    /// The newest archive that holds an image of this name.
    ///
    /// # Errors
    /// `Unavailable` if the directory cannot be read.
    pub async fn find(&self, name: &str) -> Result<Option<StoredImage>> {
        let wanted = full_name(name);
        let mut found: Vec<StoredImage> =
            self.list().await?.into_iter().filter(|image| image.names.contains(&wanted)).collect();
        found.sort_unstable_by_key(|image| image.added_at);
        Ok(found.pop())
    }

    /// Copies an archive into the store and gives it as it is there. One with the same names is replaced.
    ///
    /// # Errors
    /// `Invalid` if it is no archive that `docker save` wrote, or has no name in it; `Capacity` if the disk is full.
    pub async fn add(&self, file: &Path) -> Result<StoredImage> {
        let (store, file) = (self.clone(), file.to_owned());
        blocking(move || {
            let names = names_in(&file).map_err(|what| invalid(format!("{}: {what}", file.display())))?;
            let part = store.part()?;
            let copied = File::open(&file).and_then(|mut from| {
                std::io::copy(&mut from, &mut OpenOptions::new().write(true).open(part.path())?)
            });
            copied.map_err(|error| trouble(&file, &error))?;
            part.keep(&names)
        })
        .await
    }

    /// Removes the archive that holds an image of this name; gives the names of all that was in it. `None`: there is none.
    ///
    /// # Errors
    /// `Unavailable` if the directory cannot be written.
    pub async fn remove(&self, name: &str) -> Result<Option<StoredImage>> {
        let Some(image) = self.find(name).await? else { return Ok(None) };
        fs::remove_file(&image.file).map_err(|error| trouble(&image.file, &error))?;
        Ok(Some(image))
    }

    /// A file in the store that is still being written.
    pub(super) fn part(&self) -> Result<Part> {
        let made = fs::create_dir_all(&self.directory).and_then(|()| {
            for number in 0..PARTS_MAX {
                let path = self.directory.join(format!("{PART}{number}"));
                match OpenOptions::new().write(true).create_new(true).open(&path) {
                    Ok(file) => {
                        remove_abandoned(&self.directory, file.metadata()?.modified()?)?;
                        return Ok(path);
                    }
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            Err(std::io::Error::other("too many images are being written"))
        });
        let path = made.map_err(|error| trouble(&self.directory, &error))?;
        Ok(Part { directory: self.directory.clone(), path })
    }
}

/// An unfinished file; removed unless it is kept.
#[derive(Debug)]
pub(super) struct Part {
    directory: PathBuf,
    path: PathBuf,
}

impl Part {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it an archive of the store: on disk first, then under its name.
    pub(super) fn keep(self, names: &[String]) -> Result<StoredImage> {
        let Some(first) = names.first() else { return Err(invalid("there is no image in it".into())) };
        let file = self.directory.join(file_name(first));
        let kept = File::open(&self.path)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.path, &file))
            .and_then(|()| File::open(&self.directory)?.sync_all());
        kept.map_err(|error| trouble(&file, &error))?;
        stored(&file, names.to_vec()).map_err(|error| trouble(&file, &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes what processes left behind that were killed while they wrote: nothing was added to it for a day.
fn remove_abandoned(directory: &Path, now: SystemTime) -> std::io::Result<()> {
    for file in fs::read_dir(directory)? {
        let file = file?;
        let written = file.metadata().and_then(|found| found.modified());
        let is_old = written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > ABANDONED_AFTER));
        if is_old && file.file_name().to_string_lossy().starts_with(PART) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// A name as Docker understands it: with a tag, and without what stands for its default registry.
pub(super) fn full_name(name: &str) -> String {
    let short =
        name.strip_prefix("docker.io/library/").or_else(|| name.strip_prefix("docker.io/")).unwrap_or(name);
    let last = short.rsplit('/').next().unwrap_or(short);
    if last.contains(':') || short.contains('@') { short.to_owned() } else { format!("{short}:latest") }
}

/// Refuses what cannot be the name of an image before it goes anywhere.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty()
        && name.len() <= NAME_CHARS_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|one| one.is_ascii_alphanumeric() || "._-/:@".contains(one))
        && !name.contains("..")
        && !name.contains("//");
    if fits { Ok(()) } else { Err(invalid(format!("image: {name:?} is no name of an image"))) }
}

fn list(directory: &Path) -> Result<Vec<StoredImage>> {
    let files = match fs::read_dir(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(trouble(directory, &error)),
    };
    let mut images = Vec::new();
    for file in files {
        let path = file.map_err(|error| trouble(directory, &error))?.path();
        if path.extension().is_none_or(|extension| extension != "tar") {
            continue;
        }
        match names_in(&path) {
            Ok(names) => match stored(&path, names) {
                Ok(image) => images.push(image),
                Err(error) => tracing::warn!(file = %path.display(), %error, "an image cannot be read"),
            },
            Err(error) => tracing::warn!(file = %path.display(), error, "this is no archive of images"),
        }
    }
    images.sort_unstable_by(|one, other| one.names.cmp(&other.names));
    Ok(images)
}

fn stored(file: &Path, names: Vec<String>) -> std::io::Result<StoredImage> {
    let found = fs::metadata(file)?;
    let added_at = found.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    Ok(StoredImage { names, file: file.to_owned(), bytes: found.len(), added_at })
}

/// The names of the images in an archive. Its contents are passed over, not read.
fn names_in(file: &Path) -> std::result::Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Image {
        #[serde(rename = "RepoTags", default)]
        names: Option<Vec<String>>,
    }

    let mut start = [0; 2];
    let mut archive = File::open(file).map_err(|error| error.to_string())?;
    if archive.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b] {
        return Err("it is compressed; gunzip it first".into());
    }
    let mut archive = tar::Archive::new(File::open(file).map_err(|error| error.to_string())?);
    let entries = archive.entries_with_seek().map_err(|error| format!("it is no tar archive: {error}"))?;
    for entry in entries.take(ENTRIES_MAX) {
        let entry = entry.map_err(|error| format!("it is no tar archive: {error}"))?;
        if entry.path_bytes().as_ref() != b"manifest.json" {
            continue;
        }
        let images: Vec<Image> = serde_json::from_reader(entry.take(MANIFEST_BYTES_MAX))
            .map_err(|error| format!("its manifest.json is not understood: {error}"))?;
        let names: Vec<String> = images
            .into_iter()
            .flat_map(|image| image.names.unwrap_or_default())
            .map(|name| full_name(&name))
            .collect();
        return if names.is_empty() {
            Err("no image in it has a name; save it by its name: docker save NAME:TAG".into())
        } else {
            Ok(names)
        };
    }
    Err("it has no manifest.json; write it with `docker save NAME:TAG`".into())
}

/// One file a name, and no two names with one file.
fn file_name(name: &str) -> String {
    let mut file: String = name
        .chars()
        .map(|one| match one {
            '/' => "%2F".into(),
            '%' => "%25".into(),
            '\0' => "%00".into(),
            one => String::from(one),
        })
        .collect();
    file.push_str(".tar");
    file
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Fault::new(Kind::Unavailable, format!("the store of images: {error}"))))
}

fn invalid(text: String) -> Fault {
    Fault::new(Kind::Invalid, text)
}

/// What the controller's own disk says.
pub(super) fn trouble(path: &Path, error: &std::io::Error) -> Fault {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Kind::Capacity,
        ErrorKind::NotFound => Kind::Invalid,
        _ => Kind::Unavailable,
    };
    Fault::new(kind, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(path: &Path, manifest: &str) {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in [("layer.tar", &[7_u8; 3000] as &[u8]), ("manifest.json", manifest.as_bytes())]
        {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content).unwrap();
        }
        fs::write(path, tar.into_inner().unwrap()).unwrap();
    }

    #[tokio::test]
    async fn an_image_is_found_by_any_form_of_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let store = ImageStore::new(directory.path().join("images"));
        assert_eq!(store.list().await.unwrap(), []);
        let file = directory.path().join("saved.tar");
        archive(
            &file,
            r#"[{"Config":"c.json","RepoTags":["vcp/base:latest","other:1"],"Layers":["layer.tar"]}]"#,
        );
        let added = store.add(&file).await.unwrap();
        assert_eq!(added.names, ["vcp/base:latest", "other:1"]);
        for name in ["vcp/base", "vcp/base:latest", "docker.io/vcp/base", "other:1"] {
            assert_eq!(store.find(name).await.unwrap().as_ref(), Some(&added), "{name}");
        }
        assert_eq!(store.find("vcp/base:2").await.unwrap(), None);
        store.add(&file).await.unwrap();
        assert_eq!(store.list().await.unwrap().len(), 1, "the same names are one archive");
        assert_eq!(store.remove("vcp/base").await.unwrap().unwrap().names.len(), 2);
        assert_eq!(store.list().await.unwrap(), []);
        assert_eq!(store.remove("vcp/base").await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_archive_of_images_is_refused_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = ImageStore::new(directory.path().join("images"));
        let file = directory.path().join("file.tar");
        for (content, part) in [(&b"no tar"[..], "tar"), (&[0x1f, 0x8b, 8, 0][..], "gunzip")] {
            fs::write(&file, content).unwrap();
            let fault = store.add(&file).await.unwrap_err();
            assert!(fault.kind == Kind::Invalid && fault.text.contains(part), "{fault}");
        }
        archive(&file, r#"[{"Config":"c.json","RepoTags":null}]"#);
        assert!(store.add(&file).await.unwrap_err().text.contains("docker save NAME:TAG"));
        assert_eq!(store.add(&directory.path().join("none")).await.unwrap_err().kind, Kind::Invalid);
        assert_eq!(fs::read_dir(directory.path().join("images")).map_or(0, Iterator::count), 0);
    }

    #[test]
    fn names_are_names_and_nothing_else() {
        for name in ["vcp/base:2.1.0-alpine3.21-x86_64", "10.0.0.1:5000/a/b@sha256:00", "busybox"] {
            check_name(name).unwrap();
        }
        for name in ["", "../etc", "a b", "a;b", "a?x=1", "-a", "a//b", "$(id)"] {
            assert_eq!(check_name(name).unwrap_err().kind, Kind::Invalid, "{name}");
        }
        assert_eq!(full_name("10.0.0.1:5000/base"), "10.0.0.1:5000/base:latest");
        assert_eq!(file_name("a/b:1"), "a%2Fb:1.tar");
    }
}
