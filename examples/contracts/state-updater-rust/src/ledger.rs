//! The host functions that this contract uses, in Rust's own words. Copy it and add what you need.

use serde_json::Value;

#[link(wasm_import_module = "trustkeep")]
unsafe extern "C" {
    #[link_name = "argument"]
    safe fn host_argument() -> i32;
    #[link_name = "read"]
    fn host_read(to: *mut u8);
    #[link_name = "get"]
    fn host_get(namespace: *const u8, namespace_len: usize, id: *const u8, id_len: usize) -> i32;
    #[link_name = "put"]
    fn host_put(namespace: *const u8, namespace_len: usize, id: *const u8, id_len: usize, data: *const u8, data_len: usize);
    #[link_name = "fail"]
    fn host_fail(text: *const u8, len: usize);
}

/// The client's argument.
pub fn argument() -> String {
    answer(host_argument()).unwrap_or_default()
}

/// The asset's latest state: `id`, `age`, `data` and so on.
pub fn get(id: &str) -> Option<Value> {
    let len = unsafe { host_get("".as_ptr(), 0, id.as_ptr(), id.len()) };
    answer(len).and_then(|text| serde_json::from_str(&text).ok())
}

/// Appends a state to the asset.
pub fn put(id: &str, data: &Value) {
    let data = data.to_string();
    unsafe { host_put("".as_ptr(), 0, id.as_ptr(), id.len(), data.as_ptr(), data.len()) }
}

/// Ends the contract: the client sees 408 with this text.
pub fn fail(text: &str) -> ! {
    unsafe { host_fail(text.as_ptr(), text.len()) };
    unreachable!("the host has ended the contract")
}

/// The host's last answer, of which it gave the length.
fn answer(len: i32) -> Option<String> {
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    unsafe { host_read(bytes.as_mut_ptr()) };
    String::from_utf8(bytes).ok()
}
