package io.ublkzoned.backend;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.Location;
import java.net.URI;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The imports between packages, read from their class files. */
class PackageRulesTest {

    private static final String BACKEND = "io.ublkzoned.backend";
    private static final String BINDINGS = "io.ublkzoned.bindings";
    private static final String ENGINE = "io.ublkzoned.engine";
    private static final String CLI = BACKEND + ".cli";

    private static final JavaClasses CLASSES =
            new ClassFileImporter().importLocations(List.of(location(BACKEND), location(BINDINGS), location(ENGINE)));

    /** Returns the directory or jar of a module. */
    private static Location location(String module) {
        URI uri = ModuleLayer.boot()
                .configuration()
                .findModule(module)
                .flatMap(found -> found.reference().location())
                .orElseThrow();
        return Location.of(uri);
    }

    @Test
    void classesOfAllModulesAreRead() {
        for (String type : List.of(CLI + ".Main", BINDINGS + ".uring.IoUring", ENGINE + ".zone.ZoneTable")) {
            assertTrue(CLASSES.contain(type), type);
        }
    }

    @Test
    void ringKnowsNothingOfUblk() {
        noClasses()
                .that()
                .resideInAPackage(BINDINGS + ".uring")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(BINDINGS + ".ublk", BINDINGS + ".generated.ublk", BINDINGS + ".generated.blkzoned")
                .check(CLASSES);
    }

    @Test
    void systemCallsKnowNothingOfTheirUsers() {
        noClasses()
                .that()
                .resideInAPackage(BINDINGS + ".linux")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(BINDINGS + ".uring", BINDINGS + ".ublk", BINDINGS + ".generated.ublk")
                .check(CLASSES);
    }

    @Test
    void zoneRulesKnowNothingOfTheEngine() {
        noClasses()
                .that()
                .resideInAPackage(ENGINE + ".zone")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ENGINE, ENGINE + ".fault", ENGINE + ".qcow2")
                .check(CLASSES);
    }

    @Test
    void faultRulesKnowOnlyZones() {
        noClasses()
                .that()
                .resideInAPackage(ENGINE + ".fault")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ENGINE, ENGINE + ".qcow2")
                .check(CLASSES);
    }

    @Test
    void imageFormatKnowsNothingOfDevices() {
        noClasses()
                .that()
                .resideInAPackage(ENGINE + ".qcow2")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ENGINE, ENGINE + ".fault")
                .check(CLASSES);
    }

    @Test
    void imageKnowsNothingOfDevices() {
        noClasses()
                .that()
                .resideInAPackage(BACKEND + ".image")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(BACKEND + ".ublk", BACKEND + ".host", CLI)
                .check(CLASSES);
    }

    /**
     * Only three classes know Main: {@code ServerProcess}, which looks for its name among the processes, {@code
     * TrainingRun}, which runs commands, and {@code Documents}, which describes them.
     */
    @Test
    void commandsKnowNothingOfMain() {
        noClasses()
                .that()
                .resideInAPackage(CLI)
                .and()
                .doNotHaveSimpleName("ServerProcess")
                .and()
                .doNotHaveSimpleName("TrainingRun")
                .and()
                .doNotHaveSimpleName("Documents")
                .and()
                .haveNameNotMatching(".*\\.Main(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName(CLI + ".Main")
                .check(CLASSES);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching(BACKEND + ".(*)..").should().beFreeOfCycles().check(CLASSES);
        slices().matching(BINDINGS + ".(**)").should().beFreeOfCycles().check(CLASSES);
    }
}
