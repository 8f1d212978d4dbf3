//! WebAssembly components as steps; the only wasmtime.
