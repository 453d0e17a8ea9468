package io.ublkzoned.engine.sim;

import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.FieldModel;
import java.lang.classfile.Instruction;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.TypeKind;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.MonitorInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.AccessFlag;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * The instrumentation that adds the calls of {@link YieldPoints} to the engine: at each monitor, and at each use of a
 * field that can change. It skips fields in constructors, whose objects no other thread knows.
 */
final class Instrumentation implements EngineLoader.Change {

    private static final ClassDesc YIELD_POINTS = ClassDesc.of(YieldPoints.class.getName());
    private static final String SIMULATOR = "sim.";

    /** The class with the inbox of a queue, which the engine knows only as an interface. */
    private static final String INBOX = SIMULATOR + FakeQueue.class.getSimpleName();

    private static final MethodTypeDesc OF_MONITOR = MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_Object);
    private static final MethodTypeDesc OF_FIELD = MethodTypeDesc.of(
            ConstantDescs.CD_void, ConstantDescs.CD_Object, ConstantDescs.CD_String, ConstantDescs.CD_String);

    /** The flags of the fields of each class that was examined. */
    private final Map<String, Map<String, Set<AccessFlag>>> fieldFlags = new HashMap<>();

    @Override
    public byte[] apply(String name, byte[] bytes) {
        boolean ofEngine = !name.startsWith(SIMULATOR);
        if (!ofEngine && !name.equals(INBOX)) {
            return bytes;
        }
        ClassModel model = EngineLoader.CLASS_FILE.parse(bytes);
        return EngineLoader.CLASS_FILE.transformClass(model, (classBuilder, element) -> {
            if (element instanceof MethodModel method && method.code().isPresent()) {
                if (method.flags().has(AccessFlag.SYNCHRONIZED)) {
                    throw new AssertionError("a synchronized method has no yield points: " + name);
                }
                String where = name + "." + method.methodName().stringValue();
                boolean withFields = ofEngine && !method.methodName().equalsString(ConstantDescs.INIT_NAME);
                classBuilder.transformMethod(method, (methodBuilder, part) -> {
                    if (part instanceof CodeModel code) {
                        methodBuilder.transformCode(code, new Calls(where, withFields));
                    } else {
                        methodBuilder.with(part);
                    }
                });
            } else {
                classBuilder.with(element);
            }
        });
    }

    /** The transformation of one method. */
    private final class Calls implements CodeTransform {

        private final String where;
        private final boolean withFields;

        /** Whether a monitor was left and lies on the stack. */
        private boolean hasLeft;

        Calls(String where, boolean withFields) {
            this.where = where;
            this.withFields = withFields;
        }

        @Override
        public void accept(CodeBuilder code, CodeElement element) {
            // Not before the label that ends the range of the handler, which would leave the monitor again.
            if (hasLeft && element instanceof Instruction) {
                hasLeft = false;
                code.invokestatic(YIELD_POINTS, "left", OF_MONITOR);
            }
            if (element instanceof MonitorInstruction monitor) {
                code.dup();
                if (monitor.opcode() == Opcode.MONITORENTER) {
                    code.invokestatic(YIELD_POINTS, "entering", OF_MONITOR);
                } else {
                    hasLeft = true;
                }
            } else if (withFields && element instanceof FieldInstruction use) {
                use(code, use);
            }
            code.with(element);
        }

        private void use(CodeBuilder code, FieldInstruction use) {
            String owner = use.owner().name().stringValue().replace('/', '.');
            boolean writes = use.opcode() == Opcode.PUTFIELD;
            if (!owner.startsWith(EngineLoader.ENGINE) || (!writes && use.opcode() != Opcode.GETFIELD)) {
                return;
            }
            Set<AccessFlag> flags = flags(owner, use.name().stringValue());
            boolean holdsMore = holdsMore(use.typeSymbol());
            if (flags.contains(AccessFlag.FINAL) && !holdsMore) {
                return;
            }
            if (writes) {
                pushObjectBelow(code, TypeKind.from(use.typeSymbol()));
            } else {
                code.dup();
            }
            code.loadConstant(owner.substring(EngineLoader.ENGINE.length()) + "."
                    + use.name().stringValue());
            code.loadConstant(where);
            String call = writes || holdsMore ? "writing" : "reading";
            code.invokestatic(YIELD_POINTS, flags.contains(AccessFlag.VOLATILE) ? "usingVolatile" : call, OF_FIELD);
        }

        /**
         * Returns whether the object in the field has no instrumented calls, and counts as changed whenever it is read.
         */
        private static boolean holdsMore(ClassDesc type) {
            return type.isArray() || type.packageName().equals("java.util");
        }

        /** Copies the object below the value on the stack. */
        private static void pushObjectBelow(CodeBuilder code, TypeKind value) {
            if (value.slotSize() == 2) {
                code.dup2_x1().pop2().dup_x2();
            } else {
                code.dup2().pop();
            }
        }
    }

    private Set<AccessFlag> flags(String owner, String field) {
        Set<AccessFlag> flags = fieldFlags.computeIfAbsent(owner, this::flagsOf).get(field);
        if (flags == null) {
            throw new AssertionError("no such field: " + owner + "." + field);
        }
        return flags;
    }

    /** Returns the flags of a class's fields, including those of the classes that it extends. */
    private Map<String, Set<AccessFlag>> flagsOf(String owner) {
        Map<String, Set<AccessFlag>> flags = new HashMap<>();
        String name = owner;
        while (name.startsWith(EngineLoader.ENGINE)) {
            ClassModel model = model(name);
            for (FieldModel field : model.fields()) {
                flags.putIfAbsent(field.fieldName().stringValue(), field.flags().flags());
            }
            name = model.superclass().orElseThrow().name().stringValue().replace('/', '.');
        }
        return flags;
    }

    private static ClassModel model(String name) {
        try {
            return EngineLoader.CLASS_FILE.parse(EngineLoader.bytesOf(name));
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
    }
}
