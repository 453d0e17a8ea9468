/**
 * System calls: files, memory mappings and the process.
 *
 * <p>{@code Libc} and {@code LinuxProcess} return what the kernel returned, or -errno, and throw nothing; they may be
 * called from any thread and allocate nothing once a thread has made its first call. {@code FileDescriptor} and
 * {@code Mapping} own what they open, and throw {@code LinuxException}. No lock is held anywhere here. Imports nothing
 * of the sibling packages but the generated one of the C library.
 */
@NullMarked
package io.ublkzoned.bindings.linux;

import org.jspecify.annotations.NullMarked;
