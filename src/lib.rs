//! Linux md write-intent bitmaps: the formats, the kernel interface and an offline resync engine.
