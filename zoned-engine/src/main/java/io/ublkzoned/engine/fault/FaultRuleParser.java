package io.ublkzoned.engine.fault;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.ublkzoned.engine.fault.FaultOutcome.Pointer;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.Sizes;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The reader of a rule as people type it: {@code --on write --zones 12-15 --nth 3 --keep 8K --error EIO}. It refuses
 * combinations that no device can show, and says why.
 */
public final class FaultRuleParser {

    private static final String ON = "--on";
    private static final String ZONES = "--zones";
    private static final String RANGE = "--range";
    private static final String FUA = "--fua";
    private static final String MIN_SIZE = "--min-size";
    private static final String NTH = "--nth";
    private static final String EVERY = "--every";
    private static final String CHANCE = "--chance";
    private static final String TIMES = "--times";
    private static final String SEED = "--seed";
    private static final String ERROR = "--error";
    private static final String KEEP = "--keep";
    private static final String POINTER = "--pointer";
    private static final String KEEP_ZONES = "--keep-zones";
    private static final String LOSE = "--lose";
    private static final String DELAY = "--delay";
    private static final String STALL = "--stall";
    private static final String MAKE_ZONE = "--make-zone";
    private static final String POWER_CUT = "--power-cut";
    private static final String THEN = "--then";

    /** The options without a value. */
    public static final List<String> FLAGS = List.of(FUA, STALL, POWER_CUT);

    /** The options with a value. */
    public static final List<String> OPTIONS = List.of(
            ON,
            ZONES,
            RANGE,
            MIN_SIZE,
            NTH,
            EVERY,
            CHANCE,
            TIMES,
            SEED,
            ERROR,
            KEEP,
            POINTER,
            KEEP_ZONES,
            LOSE,
            DELAY,
            MAKE_ZONE,
            THEN);

    private static final Pattern NUMBER = Pattern.compile("\\d{1,18}");
    private static final Pattern ZONE_RANGE = Pattern.compile("(\\d{1,9})(?:-(\\d{1,9}))?");
    private static final Pattern BYTE_RANGE = Pattern.compile("([^+]+)\\+([^+]+)");
    private static final Pattern RATIO = Pattern.compile("(\\d{1,18})/(\\d{1,18})");
    private static final Pattern TIME = Pattern.compile("(\\d{1,9})(us|ms|s)");

    private static final EnumSet<BlockOp> WITH_DATA = EnumSet.of(BlockOp.READ, BlockOp.WRITE, BlockOp.ZONE_APPEND);
    private static final EnumSet<BlockOp> WRITES = EnumSet.of(BlockOp.WRITE, BlockOp.ZONE_APPEND);
    private static final EnumSet<BlockOp> AT_ADDRESS = EnumSet.of(BlockOp.READ, BlockOp.WRITE);
    private static final EnumSet<BlockOp> WITHOUT_ZONE = EnumSet.of(BlockOp.FLUSH, BlockOp.ZONE_RESET_ALL);

    private final String text;
    private final Map<String, String> given = new HashMap<>();
    private EnumSet<BlockOp> operations = EnumSet.noneOf(BlockOp.class);

    private FaultRuleParser(String text) {
        this.text = text;
    }

    /**
     * Reads a rule.
     *
     * @throws IllegalArgumentException with a sentence
     */
    public static FaultRule parse(String text) {
        List<String> words = Pattern.compile("\\s+")
                .splitAsStream(text.strip())
                .filter(word -> !word.isEmpty())
                .toList();
        FaultRuleParser parser = new FaultRuleParser(String.join(" ", words));
        parser.take(words.iterator());
        return parser.rule();
    }

    private void take(Iterator<String> words) {
        while (words.hasNext()) {
            String word = words.next();
            require(FLAGS.contains(word) || OPTIONS.contains(word), "'%s' is not an option of a rule", word);
            require(FLAGS.contains(word) || words.hasNext(), "%s needs a value", word);
            String before = given.put(word, FLAGS.contains(word) ? "" : words.next());
            require(before == null, "%s is given twice", word);
        }
    }

    private FaultRule rule() {
        require(has(ON), "say with --on which requests are hit: %s", names());
        operations = operations(value(ON));
        FaultOutcome outcome = outcome();
        if (outcome instanceof FaultOutcome.Wear) {
            operations.removeAll(WITHOUT_ZONE);
        }
        return new FaultRule(text, match(), frequency(), number(SEED, 0), delay(), outcome);
    }

    private static String names() {
        return Arrays.stream(BlockOp.values()).map(FaultRuleParser::name).collect(Collectors.joining(", ")) + " or any";
    }

    /** Returns the name of an operation, as in {@code reset-all}. */
    private static String name(BlockOp op) {
        return op.name().toLowerCase(Locale.ROOT).replace("zone_", "").replace('_', '-');
    }

    private static EnumSet<BlockOp> operations(String word) {
        if (word.equals("any")) {
            return EnumSet.allOf(BlockOp.class);
        }
        for (BlockOp op : BlockOp.values()) {
            if (name(op).equals(word)) {
                return EnumSet.of(op);
            }
        }
        throw new IllegalArgumentException("'%s' is not an operation: use %s".formatted(word, names()));
    }

    private FaultMatch match() {
        require(!has(ZONES) || !has(RANGE), "--zones and --range exclude each other");
        require(
                !has(ZONES) || !WITHOUT_ZONE.containsAll(operations),
                "flush and reset-all concern all zones: omit --zones");
        require(
                !has(RANGE) || touches(AT_ADDRESS),
                "only a read or a write is at an address: use --zones, not --range");
        require(!has(MIN_SIZE) || touches(WITH_DATA), "only read, write and append have a size: omit --min-size");
        require(!has(FUA) || touches(WRITES), "only a write or an append can be forced to the disk: omit --fua");
        Matcher zones = matched(ZONES, ZONE_RANGE, "a zone or a range of zones, as in 12-15");
        int first = zones == null ? 0 : Integer.parseInt(zones.group(1));
        int last = zones == null
                ? FaultMatch.ALL_ZONES
                : zones.group(2) == null ? first : Integer.parseInt(zones.group(2));
        require(first <= last, "the zones %s are in the wrong order", value(ZONES));
        Matcher range = matched(RANGE, BYTE_RANGE, "an address and a size, as in 64M+4K");
        long from = range == null ? 0 : Sizes.bytes(range.group(1));
        long length = range == null ? 0 : Sizes.bytes(range.group(2));
        require(range == null || length > 0, "the range is empty");
        require(from <= Long.MAX_VALUE / 2 && length <= Long.MAX_VALUE / 4, "the range is too large");
        if (range != null) {
            operations.retainAll(AT_ADDRESS);
        }
        long minimum = has(MIN_SIZE) ? Sizes.bytes(value(MIN_SIZE)) : 0;
        require(minimum <= Integer.MAX_VALUE, "no request has %s bytes", minimum);
        return new FaultMatch(
                operations, first, last, from, range == null ? FaultMatch.ALL_BYTES : from + length, has(FUA), (int)
                        minimum);
    }

    private FaultFrequency frequency() {
        int deciders = (has(NTH) ? 1 : 0) + (has(EVERY) ? 1 : 0) + (has(CHANCE) ? 1 : 0);
        require(deciders <= 1, "--nth, --every and --chance exclude each other");
        require(!has(NTH) || !has(TIMES), "--nth hits one request: omit --times");
        require(!has(NTH) || number(NTH, 1) > 0, "requests are counted from 1");
        require(!has(EVERY) || number(EVERY, 1) > 0, "--every must be at least 1");
        Matcher chance = matched(CHANCE, RATIO, "a chance, as in 1/1000");
        long part = chance == null ? 0 : Long.parseLong(chance.group(1));
        long whole = chance == null ? 0 : Long.parseLong(chance.group(2));
        require(chance == null || (part > 0 && part <= whole), "a chance is above 0 and at most 1, as in 1/1000");
        boolean onlyDelays = !has(ERROR) && !has(MAKE_ZONE) && !has(POWER_CUT);
        boolean repeats = has(EVERY) || has(CHANCE) || (onlyDelays && has(DELAY));
        return new FaultFrequency(number(NTH, 0), number(EVERY, 0), part, whole, number(TIMES, repeats ? 0 : 1));
    }

    private FaultDelay delay() {
        require(!has(DELAY) || !has(STALL), "--delay and --stall exclude each other");
        boolean isDrawn = has(CHANCE) || value(DELAY).contains("-") || has(POWER_CUT);
        require(!has(SEED) || isDrawn, "--seed without --chance, --power-cut or a range of --delay decides nothing");
        if (!has(DELAY)) {
            return has(STALL) ? FaultDelay.STALL : FaultDelay.NONE;
        }
        String[] ends = value(DELAY).split("-", 2);
        long min = nanos(ends[0]);
        long max = nanos(ends[ends.length - 1]);
        require(max > 0, "a delay of 0 changes nothing");
        require(min <= max, "the delays %s are in the wrong order", value(DELAY));
        return new FaultDelay(min, max);
    }

    private static long nanos(String word) {
        Matcher time = TIME.matcher(word);
        require(time.matches(), "'%s' is not a delay: use us, ms or s, as in 20ms or 5ms-50ms", word);
        TimeUnit unit = switch (time.group(2)) {
            case "us" -> TimeUnit.MICROSECONDS;
            case "ms" -> TimeUnit.MILLISECONDS;
            default -> TimeUnit.SECONDS;
        };
        return unit.toNanos(Long.parseLong(time.group(1)));
    }

    private FaultOutcome outcome() {
        require(
                has(ERROR) || has(DELAY) || has(STALL) || has(MAKE_ZONE) || has(POWER_CUT),
                "say what happens to the requests: --error, --delay, --stall, --make-zone or --power-cut");
        if (has(POWER_CUT)) {
            return cutPower();
        }
        require(!has(THEN), "--then describes a power cut: add --power-cut");
        for (String detail : List.of(KEEP, POINTER, KEEP_ZONES, LOSE)) {
            require(!has(detail) || has(ERROR), "%s describes a failed request: add --error", detail);
        }
        if (has(MAKE_ZONE)) {
            return wear();
        }
        if (has(LOSE)) {
            return loss();
        }
        return has(ERROR) ? failure() : FaultOutcome.Normal.INSTANCE;
    }

    private FaultOutcome loss() {
        require(operations.equals(EnumSet.of(BlockOp.FLUSH)), "only a failed flush loses data: use --on flush");
        require(!has(KEEP), "a flush that is carried out leaves nothing unflushed: omit --keep");
        require(!has(POINTER) && !has(KEEP_ZONES), "--lose excludes --pointer and --keep-zones");
        require(value(LOSE).equals("unflushed"), "a device can lose what is unflushed, not '%s'", value(LOSE));
        return new FaultOutcome.LoseUnflushed(error());
    }

    private FaultError error() {
        return enumValue(ERROR, FaultError::valueOf, Arrays.toString(FaultError.values()));
    }

    private FaultOutcome cutPower() {
        for (String other : List.of(ERROR, POINTER, KEEP_ZONES, LOSE, MAKE_ZONE)) {
            require(!has(other), "every request fails once the power is cut: omit %s", other);
        }
        Keep keep = has(KEEP) ? enumValue(KEEP, Keep::parse, "none, all or random") : Keep.RANDOM;
        AfterCut then = has(THEN) ? enumValue(THEN, AfterCut::parse, "stop or continue") : AfterCut.STOP;
        return new FaultOutcome.CutPower(new PowerCut(number(SEED, 0), keep), then);
    }

    private FaultOutcome wear() {
        require(!has(ERROR), "the new condition of the zone decides whether the request fails: omit --error");
        require(
                !WITHOUT_ZONE.containsAll(operations),
                "flush and reset-all concern all zones, so no single zone can fail");
        return new FaultOutcome.Wear(
                switch (value(MAKE_ZONE)) {
                    case "read-only", "readonly" -> ZoneCondition.READ_ONLY;
                    case "offline" -> ZoneCondition.OFFLINE;
                    default ->
                        throw new IllegalArgumentException(
                                "a zone can become read-only or offline, not '%s'".formatted(value(MAKE_ZONE)));
                });
    }

    private FaultOutcome failure() {
        require(!has(POINTER) || WRITES.containsAll(operations), "only a write or an append moves a write pointer");
        require(
                !has(KEEP_ZONES) || operations.equals(EnumSet.of(BlockOp.ZONE_RESET_ALL)),
                "--keep-zones needs --on reset-all");
        require(
                !has(KEEP_ZONES) || number(KEEP_ZONES, 1) > 0,
                "--keep-zones must be at least 1: omit it to reset nothing");
        require(!has(KEEP_ZONES) || !has(KEEP), "--keep and --keep-zones exclude each other");
        Pointer pointer = pointer();
        long kept = kept();
        boolean inPart = kept != 0 && kept != FaultOutcome.ALL;
        require(
                !inPart || WRITES.containsAll(operations),
                "only a write or an append can be kept in part: use --keep all");
        require(
                kept == 0 || !operations.equals(EnumSet.of(BlockOp.READ)),
                "a read changes nothing that could be kept: omit --keep");
        require(
                pointer != Pointer.UNMOVED || kept != 0,
                "nothing was kept that could be above the write pointer: add --keep, or omit --pointer");
        int keptZones = (int) Math.min(Integer.MAX_VALUE, number(KEEP_ZONES, 0));
        return new FaultOutcome.Failure(error(), kept, pointer, keptZones);
    }

    private long kept() {
        if (!has(KEEP)) {
            return 0;
        }
        return value(KEEP).equals("all") ? FaultOutcome.ALL : Sizes.bytes(value(KEEP));
    }

    private Pointer pointer() {
        return has(POINTER)
                ? enumValue(
                        POINTER, word -> Pointer.valueOf(word.toUpperCase(Locale.ROOT)), "kept, advanced or unmoved")
                : Pointer.KEPT;
    }

    private <T> T enumValue(String option, Function<String, T> converter, String allowed) {
        try {
            return converter.apply(value(option));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "%s cannot be '%s': use %s".formatted(option, value(option), allowed), e);
        }
    }

    private boolean touches(EnumSet<BlockOp> some) {
        return operations.size() > 1 || some.containsAll(operations);
    }

    private boolean has(String option) {
        return given.containsKey(option);
    }

    private String value(String option) {
        return given.getOrDefault(option, "");
    }

    private long number(String option, long byDefault) {
        Matcher matcher = matched(option, NUMBER, "a number");
        return matcher == null ? byDefault : Long.parseLong(matcher.group());
    }

    /** Returns the match of an option's value, or null if the option is not given. */
    private @Nullable Matcher matched(String option, Pattern pattern, String meaning) {
        if (!has(option)) {
            return null;
        }
        Matcher matcher = pattern.matcher(value(option));
        require(matcher.matches(), "'%s' is not %s", value(option), meaning);
        return matcher;
    }

    @FormatMethod
    private static void require(boolean condition, @FormatString String sentence, Object... values) {
        if (!condition) {
            throw new IllegalArgumentException(sentence.formatted(values));
        }
    }
}
