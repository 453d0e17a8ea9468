/**
 * System calls: files, memory mappings and the process.
 *
 * <p>{@code Libc} and {@code LinuxProcess} return the kernel's result, or -errno, and throw only for a mistake of the
 * caller. They may be called from any thread. The calls of the data path allocate nothing once a thread has made its
 * first call. {@code FileDescriptor} and {@code Mapping} own the file or memory that they open, and throw
 * {@code LinuxException}. No lock is held anywhere here. Imports only the generated packages of the C library and of
 * {@code struct iovec}, no sibling package.
 */
@NullMarked
package io.ublkzoned.bindings.linux;

import org.jspecify.annotations.NullMarked;
