package io.ublkzoned.engine.sim;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.reflect.Method;
import java.util.List;

/** A class loader that loads the engine and the simulator anew, with changes to the classes of the engine. */
final class EngineLoader extends ClassLoader {

    static final String ENGINE = "io.ublkzoned.engine.";

    /** A change to the classes as they are loaded. */
    @FunctionalInterface
    interface Change {

        /**
         * Returns the changed class, or the same bytes.
         *
         * @param name without {@link #ENGINE}
         */
        byte[] apply(String name, byte[] bytes);
    }

    /** The reader and writer of the engine's classes. */
    static final ClassFile CLASS_FILE = ClassFile.of(ClassFile.ClassHierarchyResolverOption.of(
            ClassHierarchyResolver.ofResourceParsing(EngineLoader.class.getClassLoader())));

    private final List<Change> changes;

    /** @param changes applied one after the other */
    EngineLoader(Change... changes) {
        super(EngineLoader.class.getClassLoader());
        this.changes = List.of(changes);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded != null) {
                return loaded;
            }
            if (!name.startsWith(ENGINE)) {
                return super.loadClass(name, resolve);
            }
            byte[] bytes = bytesOf(name);
            for (Change change : changes) {
                bytes = change.apply(name.substring(ENGINE.length()), bytes);
            }
            return defineClass(name, bytes, 0, bytes.length);
        }
    }

    /** Returns a class as the compiler wrote it. */
    static byte[] bytesOf(String name) throws ClassNotFoundException {
        try (InputStream file =
                EngineLoader.class.getClassLoader().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (file == null) {
                throw new ClassNotFoundException(name);
            }
            return file.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Calls a static method of {@link SeedSearch}, whose parameter is a number, on this engine. */
    Object search(String method, long number) throws ReflectiveOperationException {
        Method search = loadClass(SeedSearch.class.getName()).getDeclaredMethod(method, long.class);
        search.setAccessible(true);
        return search.invoke(null, number);
    }
}
