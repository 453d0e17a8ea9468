package io.ublkzoned.engine.qcow2;

import java.util.ArrayList;
import java.util.List;

/** What a check has found so far: numbers, and a sentence for each of the first findings. */
final class Findings {

    private final List<String> sentences = new ArrayList<>();
    private long unlisted;
    private long corruptions;
    private long leaks;

    /** Something that puts data at risk. */
    void corruption(String sentence) {
        corruptions(sentence, 1);
    }

    /** A table or a header that cannot be used. */
    void corruption(ImageFormatException e) {
        corruption(String.valueOf(e.getMessage()));
    }

    void corruptions(String sentence, long count) {
        corruptions += count;
        remark(sentence);
    }

    /** Something that only costs so many clusters. */
    void leaks(String sentence, long clusters) {
        leaks += clusters;
        remark(sentence);
    }

    /** Something to know about the check, which is no damage of its own. */
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
