package io.ublkzoned.engine.sim;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Label;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.ExceptionCatch;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.LabelTarget;
import java.lang.classfile.instruction.MonitorInstruction;
import java.lang.classfile.instruction.StoreInstruction;
import java.util.ArrayList;
import java.util.List;

/**
 * A wrong use of the lock in one method of the engine, which a test of the threads must detect: a synchronized block
 * that does not lock, or that becomes two blocks.
 *
 * @param type the class, in package {@code io.ublkzoned.engine}
 * @param block the number of the synchronized block in the method, from 1
 * @param callee the first call to this method ends the block, which begins again immediately; empty if the block does
 *     not lock at all
 */
record LockMutation(String type, String method, int block, String callee) implements EngineLoader.Change {

    /** Returns a mutation in which the block does not lock. */
    static LockMutation withoutLock(String type, String method, int block) {
        return new LockMutation(type, method, block, "");
    }

    /** Returns a mutation in which the lock is free for a moment before a call. */
    static LockMutation split(String type, String method, int block, String callee) {
        return new LockMutation(type, method, block, callee);
    }

    @Override
    public byte[] apply(String name, byte[] bytes) {
        if (!name.equals(type)) {
            return bytes;
        }
        return EngineLoader.CLASS_FILE.transformClass(EngineLoader.CLASS_FILE.parse(bytes), (classBuilder, member) -> {
            if (member instanceof MethodModel model && model.methodName().equalsString(method)) {
                classBuilder.transformMethod(model, (methodBuilder, part) -> {
                    if (part instanceof CodeModel code) {
                        methodBuilder.transformCode(code, change(code));
                    } else {
                        methodBuilder.with(part);
                    }
                });
            } else {
                classBuilder.with(member);
            }
        });
    }

    /**
     * Changes the code. Blocks do not nest, so everything from the entry of one block to the entry of the next belongs
     * to it.
     */
    private CodeTransform change(CodeModel code) {
        List<CodeElement> elements = code.elementList();
        int entries = 0;
        int lastStored = -1;
        for (int i = 0; i < elements.size(); i++) {
            CodeElement element = elements.get(i);
            if (element instanceof StoreInstruction store) {
                lastStored = entries < block ? store.slot() : lastStored;
            } else if (element instanceof MonitorInstruction monitor && monitor.opcode() == Opcode.MONITORENTER) {
                entries++;
                if (entries == block && callee.isEmpty()) {
                    return new Removal();
                }
            } else if (entries == block
                    && element instanceof InvokeInstruction call
                    && call.name().equalsString(callee)) {
                return new Split(elements, i, lastStored);
            }
        }
        throw new AssertionError("nothing to change:" + this);
    }

    /** The removal of the entry and the exits of the block. */
    private final class Removal implements CodeTransform {

        private int entries;

        @Override
        public void accept(CodeBuilder code, CodeElement element) {
            if (element instanceof MonitorInstruction monitor) {
                entries += monitor.opcode() == Opcode.MONITORENTER ? 1 : 0;
                if (entries == block) {
                    code.pop();
                    return;
                }
            }
            code.with(element);
        }
    }

    /**
     * A split that leaves the block before an instruction and enters it again. Handlers that leave the block do not
     * apply in between.
     */
    private static final class Split implements CodeTransform {

        private final List<CodeElement> elements;
        private final int at;
        private final int lockVariable;
        private int position;

        /** The labels at which the lock is released and entered again. */
        private final List<Label> gap = new ArrayList<>();

        Split(List<CodeElement> elements, int at, int lockVariable) {
            this.elements = elements;
            this.at = at;
            this.lockVariable = lockVariable;
        }

        @Override
        public void atStart(CodeBuilder code) {
            gap.add(code.newLabel());
            gap.add(code.newLabel());
        }

        @Override
        public void accept(CodeBuilder code, CodeElement element) {
            if (position++ == at) {
                code.aload(lockVariable).monitorexit().labelBinding(gap.getFirst());
                code.aload(lockVariable).monitorenter().labelBinding(gap.getLast());
            }
            if (element instanceof ExceptionCatch handler
                    && handler.catchType().isEmpty()
                    && position(handler.tryStart()) < at
                    && position(handler.tryEnd()) > at) {
                code.exceptionCatchAll(handler.tryStart(), gap.getFirst(), handler.handler());
                code.exceptionCatchAll(gap.getLast(), handler.tryEnd(), handler.handler());
            } else {
                code.with(element);
            }
        }

        private int position(Label label) {
            for (int i = 0; i < elements.size(); i++) {
                if (elements.get(i) instanceof LabelTarget target
                        && target.label().equals(label)) {
                    return i;
                }
            }
            throw new AssertionError("a label without a place");
        }
    }

    /** Returns the first seed from 1 to {@code seeds} that fails with this mutation, or 0 if none does. */
    long findSeed(long seeds) throws ReflectiveOperationException {
        apply(type, EngineLoader.bytesOf(EngineLoader.ENGINE + type)); // here, not in a life, a failure fails the test
        return (long) new EngineLoader(this, new Instrumentation()).search("findInterleaving", seeds);
    }

    @Override
    public String toString() {
        String where = "%s.%s, block %d".formatted(type, method, block);
        return where + (callee.isEmpty() ? " without its lock" : " in two, before " + callee);
    }
}
