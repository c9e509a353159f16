;; Counts: the argument is the id of an asset, whose data is a number. The result is the new count.
;; Text form of WebAssembly; `wat2wasm counter.wat` makes the module to register.
(module
  (import "trustkeep" "argument" (func $argument (result i32)))
  (import "trustkeep" "read" (func $read (param i32)))
  (import "trustkeep" "get" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "trustkeep" "put" (func $put (param i32 i32 i32 i32 i32 i32)))
  (import "trustkeep" "result" (func $result (param i32 i32)))
  (import "trustkeep" "fail" (func $fail (param i32 i32)))

  (memory (export "memory") 4)
  (data (i32.const 0) "\"data\":")
  (data (i32.const 16) "the id has 1 to 1000 bytes")
  ;; 256: digits, written from their end. 1024: the id. 4096: the asset.

  ;; The number behind the first "data": of an asset of that many bytes.
  (func $count (param $len i32) (result i32)
    (local $at i32) (local $i i32) (local $value i32) (local $digit i32)
    (local.set $at (i32.const 4096))
    (block $found
      (loop $search
        (local.set $i (i32.const 0))
        (block $differs
          (loop $compare
            (br_if $differs (i32.ne
              (i32.load8_u (local.get $i))
              (i32.load8_u (i32.add (local.get $at) (local.get $i)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $compare (i32.lt_u (local.get $i) (i32.const 7))))
          (br $found))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $search (i32.lt_u (local.get $at) (i32.add (i32.const 4096) (local.get $len))))))
    (local.set $at (i32.add (local.get $at) (i32.const 7)))
    (block $end
      (loop $digits
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
        (br_if $end (i32.gt_u (local.get $digit) (i32.const 9)))
        (local.set $value (i32.add (i32.mul (local.get $value) (i32.const 10)) (local.get $digit)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $digits)))
    (local.get $value))

  ;; Writes a number so that it ends before 300; gives where it starts.
  (func $digits (param $value i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 300))
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.rem_u (local.get $value) (i32.const 10)) (i32.const 48)))
      (local.set $value (i32.div_u (local.get $value) (i32.const 10)))
      (br_if $next (local.get $value)))
    (local.get $at))

  (func (export "invoke")
    (local $id_len i32) (local $found i32) (local $value i32) (local $text i32) (local $text_len i32)
    (local.set $id_len (call $argument))
    (if (i32.gt_u (i32.sub (local.get $id_len) (i32.const 1)) (i32.const 999))
      (then (call $fail (i32.const 16) (i32.const 26))))
    (call $read (i32.const 1024))
    (local.set $found (call $get (i32.const 0) (i32.const 0) (i32.const 1024) (local.get $id_len)))
    (if (i32.ge_s (local.get $found) (i32.const 0))
      (then
        (call $read (i32.const 4096))
        (local.set $value (call $count (local.get $found)))))
    (local.set $text (call $digits (i32.add (local.get $value) (i32.const 1))))
    (local.set $text_len (i32.sub (i32.const 300) (local.get $text)))
    (call $put (i32.const 0) (i32.const 0) (i32.const 1024) (local.get $id_len)
      (local.get $text) (local.get $text_len))
    (call $result (local.get $text) (local.get $text_len))))
