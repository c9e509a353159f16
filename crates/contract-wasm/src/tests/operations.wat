;; Does what its argument says, three bytes at a time: an operation, a letter, a digit. The result lists what the host
;; answered, one line each. operations.js of contract-js and a contract in Rust do the same.
(module
  (import "trustkeep" "argument" (func $argument (result i32)))
  (import "trustkeep" "properties" (func $properties (result i32)))
  (import "trustkeep" "read" (func $read (param i32)))
  (import "trustkeep" "get" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "trustkeep" "put" (func $put (param i32 i32 i32 i32 i32 i32)))
  (import "trustkeep" "scan" (func $scan (param i32 i32) (result i32)))
  (import "trustkeep" "invoke" (func $invoke (param i32 i32 i32 i32) (result i32)))
  (import "trustkeep" "is_root" (func $is_root (result i32)))
  (import "trustkeep" "client_identity_key" (func $client_identity_key (result i32)))
  (import "trustkeep" "set_context" (func $set_context (param i32 i32)))
  (import "trustkeep" "result" (func $result (param i32 i32)))
  (import "trustkeep" "fail" (func $fail (param i32 i32)))
  (import "trustkeep" "abort" (func $abort (param i32 i32)))
  (memory (export "memory") 32)
  (data (i32.const 0) "null")
  (data (i32.const 8) "operations")
  (data (i32.const 32) "{\"id\":\"?\",\"order\":\"desc\",\"limit\":?}")
  (global $out (mut i32) (i32.const 131072))

  (func $line (param $len i32)
    (if (i32.lt_s (local.get $len) (i32.const 0))
      (then
        (memory.copy (global.get $out) (i32.const 0) (i32.const 4))
        (local.set $len (i32.const 4)))
      (else (call $read (global.get $out))))
    (global.set $out (i32.add (global.get $out) (local.get $len)))
    (call $end))
  (func $end
    (i32.store8 (global.get $out) (i32.const 10))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))

  (func $one (param $at i32)
    (local $operation i32) (local $letter i32) (local $digit i32)
    (local.set $operation (i32.load8_u (local.get $at)))
    (local.set $letter (i32.add (local.get $at) (i32.const 1)))
    (local.set $digit (i32.add (local.get $at) (i32.const 2)))
    (if (i32.eq (local.get $operation) (i32.const 112)) ;; p
      (then (call $put (i32.const 0) (i32.const 0) (local.get $letter) (i32.const 1) (local.get $digit) (i32.const 1))))
    (if (i32.eq (local.get $operation) (i32.const 103)) ;; g
      (then (call $line (call $get (i32.const 0) (i32.const 0) (local.get $letter) (i32.const 1)))))
    (if (i32.eq (local.get $operation) (i32.const 104)) ;; h: in a namespace that is the letter
      (then (call $line (call $get (local.get $letter) (i32.const 1) (local.get $letter) (i32.const 1)))))
    (if (i32.eq (local.get $operation) (i32.const 113)) ;; q: puts there
      (then (call $put (local.get $letter) (i32.const 1) (local.get $letter) (i32.const 1) (local.get $digit) (i32.const 1))))
    (if (i32.eq (local.get $operation) (i32.const 115)) ;; s
      (then
        (i32.store8 (i32.const 39) (i32.load8_u (local.get $letter)))
        (i32.store8 (i32.const 65) (i32.load8_u (local.get $digit)))
        (call $line (call $scan (i32.const 32) (i32.const 35)))))
    (if (i32.eq (local.get $operation) (i32.const 110)) ;; n: this contract, with p, the letter and the digit
      (then
        (i32.store8 (local.get $at) (i32.const 112))
        (call $line (call $invoke (i32.const 8) (i32.const 10) (local.get $at) (i32.const 3)))))
    (if (i32.eq (local.get $operation) (i32.const 109)) ;; m: this contract, with f, the letter and the digit
      (then
        (i32.store8 (local.get $at) (i32.const 102))
        (call $line (call $invoke (i32.const 8) (i32.const 10) (local.get $at) (i32.const 3)))))
    (if (i32.eq (local.get $operation) (i32.const 114)) ;; r
      (then
        (i32.store8 (global.get $out) (i32.add (call $is_root) (i32.const 48)))
        (global.set $out (i32.add (global.get $out) (i32.const 1)))
        (call $end)))
    (if (i32.eq (local.get $operation) (i32.const 107)) ;; k
      (then (call $line (call $client_identity_key))))
    (if (i32.eq (local.get $operation) (i32.const 121)) ;; y
      (then (call $line (call $properties))))
    (if (i32.eq (local.get $operation) (i32.const 99)) ;; c
      (then (call $set_context (local.get $letter) (i32.const 2))))
    (if (i32.eq (local.get $operation) (i32.const 102)) ;; f
      (then (call $fail (local.get $letter) (i32.const 2))))
    (if (i32.eq (local.get $operation) (i32.const 120)) ;; x
      (then (call $abort (local.get $letter) (i32.const 2)))))

  (func (export "invoke")
    (local $at i32) (local $stop i32)
    (local.set $at (i32.const 65536))
    (local.set $stop (i32.add (local.get $at) (call $argument)))
    (call $read (local.get $at))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $stop)))
        (call $one (local.get $at))
        (local.set $at (i32.add (local.get $at) (i32.const 3)))
        (br $next)))
    (call $result (i32.const 131072) (i32.sub (global.get $out) (i32.const 131072)))))
