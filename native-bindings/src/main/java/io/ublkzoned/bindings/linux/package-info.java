/**
 * System calls: files, memory mappings and the process.
 *
 * <p>{@code Libc} and {@code LinuxProcess} return the kernel's result, or -errno, and throw only if the caller uses
 * them wrongly. Any thread may call them. Calls on the data path allocate nothing once a thread has made its first
 * call. {@code FileDescriptor} and {@code Mapping} own the file or memory that they open, and throw {@code
 * LinuxException}. The package has no locks. It imports only the generated packages of the C library and of {@code
 * struct iovec}, no sibling package.
 */
@NullMarked
package io.ublkzoned.bindings.linux;

import org.jspecify.annotations.NullMarked;
