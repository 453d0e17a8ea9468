package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TeardownTest {

    private final Teardown teardown = new Teardown();
    private final List<String> taken = new ArrayList<>();

    @BeforeEach
    void addSteps() {
        teardown.add(() -> taken.add("close the image"));
        teardown.addForFailure(() -> taken.add("remove the directory"));
        teardown.addForEnd(() -> taken.add("stop the device"));
        teardown.add(() -> taken.add("close the queues"));
    }

    @Test
    void endRunsTheLatestStepFirstAndNoStepForAFailure() throws IOException {
        teardown.run();
        assertEquals(List.of("close the queues", "stop the device", "close the image"), taken);
        teardown.run();
        assertEquals(3, taken.size());
    }

    @Test
    void failureRunsNoStepForTheEnd() {
        teardown.runAfter(new IOException());
        assertEquals(List.of("close the queues", "remove the directory", "close the image"), taken);
    }

    @Test
    void stepsRunEvenIfAnotherStepFails() {
        IOException first = new IOException("first");
        IOException second = new IOException("second");
        teardown.add(() -> {
            throw second;
        });
        teardown.add(() -> {
            throw first;
        });
        assertEquals(first, assertThrows(IOException.class, teardown::run));
        assertEquals(List.of(second), List.of(first.getSuppressed()));
        assertEquals(3, taken.size());
    }
}
