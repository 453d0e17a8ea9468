package io.ublkzoned.engine.qcow2;

import java.util.ArrayList;
import java.util.List;

/** The findings of a check: counts, and a sentence for each of the first findings. */
final class Findings {

    private final List<String> sentences = new ArrayList<>();
    private long unlisted;
    private long corruptions;
    private long leaks;

    /** Adds damage that puts data at risk. */
    void corruption(String sentence) {
        corruptions(sentence, 1);
    }

    /** Adds a table or a header that cannot be used. */
    void corruption(ImageFormatException e) {
        corruption(String.valueOf(e.getMessage()));
    }

    void corruptions(String sentence, long count) {
        corruptions += count;
        remark(sentence);
    }

    /** Adds damage that only wastes this many clusters. */
    void leaks(String sentence, long clusters) {
        leaks += clusters;
        remark(sentence);
    }

    /** Adds a remark about the check that is not damage. */
    void remark(String sentence) {
        if (sentences.size() < CheckResult.FINDINGS_MAX) {
            sentences.add(sentence);
        } else {
            unlisted++;
        }
    }

    CheckResult result(
            boolean dirty, boolean attachable, long allocatedClusters, long totalClusters, long imageEndBytes) {
        CheckResult.Status status = corruptions > 0
                ? CheckResult.Status.CORRUPT
                : leaks > 0 ? CheckResult.Status.LEAKS : CheckResult.Status.CLEAN;
        return new CheckResult(
                status,
                dirty,
                attachable,
                corruptions,
                leaks,
                allocatedClusters,
                totalClusters,
                imageEndBytes,
                sentences,
                unlisted);
    }
}
