package io.ublkzoned.engine.sim;

import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Opcode;
import java.lang.classfile.TypeKind;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;

/**
 * A mutation that removes one call from one method of the engine, and with it a fix that the simulator must notice. The
 * engine and the simulator are loaded anew with that change.
 *
 * @param type the class, in package {@code io.ublkzoned.engine}
 * @param method the calling method
 * @param callee the name of the called method
 * @param result the value that replaces the result; nothing is called
 */
record Mutation(String type, String method, String callee, long result) {

    /** The change, which counts the calls that it replaces. */
    private final class Replacement implements EngineLoader.Change {

        private int calls;

        @Override
        public byte[] apply(String name, byte[] bytes) {
            if (!name.equals(type)) {
                return bytes;
            }
            byte[] mutated = EngineLoader.CLASS_FILE.transformClass(
                    EngineLoader.CLASS_FILE.parse(bytes),
                    ClassTransform.transformingMethodBodies(
                            model -> model.methodName().equalsString(method),
                            CodeTransform.ofStateful(() -> this::replace)));
            if (calls == 0) {
                throw new AssertionError("there is no such call: " + Mutation.this);
            }
            return mutated;
        }

        private void replace(CodeBuilder code, CodeElement element) {
            if (element instanceof InvokeInstruction call && call.name().equalsString(callee)) {
                calls++;
                dropArguments(code, call);
                pushResult(code, call.typeSymbol().returnType());
            } else {
                code.with(element);
            }
        }

        private void dropArguments(CodeBuilder code, InvokeInstruction call) {
            MethodTypeDesc type = call.typeSymbol();
            for (ClassDesc parameter : type.parameterList().reversed()) {
                if (TypeKind.from(parameter).slotSize() == 2) {
                    code.pop2();
                } else {
                    code.pop();
                }
            }
            if (call.opcode() != Opcode.INVOKESTATIC) {
                code.pop();
            }
        }

        private void pushResult(CodeBuilder code, ClassDesc resultType) {
            switch (TypeKind.from(resultType)) {
                case VOID -> {}
                case LONG -> code.loadConstant(result);
                case BOOLEAN, BYTE, CHAR, SHORT, INT -> code.loadConstant((int) result);
                case FLOAT, DOUBLE, REFERENCE -> throw new AssertionError("no constant for " + resultType);
            }
        }
    }

    /** Returns the first seed from 1 to {@code seeds} that fails with the change, or 0 if none does. */
    long findSeed(long seeds) throws ReflectiveOperationException {
        return (long) new EngineLoader(new Replacement()).search("findSeed", seeds);
    }

    @Override
    public String toString() {
        return "%s.%s without %s".formatted(type, method, callee);
    }
}
