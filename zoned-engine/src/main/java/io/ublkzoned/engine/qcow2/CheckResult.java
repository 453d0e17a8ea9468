package io.ublkzoned.engine.qcow2;

import java.util.List;

/**
 * What a check found.
 *
 * @param status the verdict
 * @param dirty whether the image was not closed: what recovery puts right is not counted as damage
 * @param attachable whether ublk can serve such a device; otherwise {@link LayoutConverter} recovers a dirty image
 * @param corruptions how many things are wrong that put data at risk
 * @param leaks how many clusters are marked as used without being so, or, in a dirty image, are not yet marked right
 * @param allocatedClusters guest clusters that have a host cluster
 * @param totalClusters guest clusters of the device
 * @param imageEndBytes where the last used cluster of the file ends
 * @param findings a sentence for each thing found, the first {@link #FINDINGS_MAX}
 * @param unlistedFindings how many more sentences there would be
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

    /** The most findings that are kept; the counts go on. */
    public static final int FINDINGS_MAX = 200;

    /** The verdicts, from good to bad. */
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
