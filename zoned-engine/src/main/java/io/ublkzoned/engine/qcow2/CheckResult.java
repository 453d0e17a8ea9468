package io.ublkzoned.engine.qcow2;

import java.util.List;

/**
 * The result of a check.
 *
 * @param status the verdict
 * @param dirty whether the image was not closed; damage that recovery repairs is then not counted
 * @param attachable whether ublk can serve such a device; otherwise {@link LayoutConverter} recovers a dirty image
 * @param corruptions the number of errors that put data at risk
 * @param leaks the number of clusters that are marked as used but are not, or, in a dirty image, are not yet marked
 *     correctly
 * @param allocatedClusters the number of guest clusters that have a host cluster
 * @param totalClusters the number of guest clusters of the device
 * @param imageEndBytes the end of the last used cluster of the file
 * @param findings a sentence for each of the first {@link #FINDINGS_MAX} findings
 * @param unlistedFindings the number of findings without a sentence
 */
public record CheckResult(
        Status status,
        boolean dirty,
        boolean attachable,
        long corruptions,
        long leaks,
        long allocatedClusters,
        long totalClusters,
        long imageEndBytes,
        List<String> findings,
        long unlistedFindings) {

    /** The maximum number of findings that are kept. The counts include all of them. */
    public static final int FINDINGS_MAX = 200;

    /** The verdicts, from best to worst. */
    public enum Status {
        CLEAN,
        LEAKS,
        CORRUPT
    }

    /** Keeps a copy of the findings. */
    public CheckResult {
        findings = List.copyOf(findings);
    }
}
