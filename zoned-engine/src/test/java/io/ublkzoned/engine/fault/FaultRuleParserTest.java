package io.ublkzoned.engine.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.fault.FaultOutcome.Failure;
import io.ublkzoned.engine.fault.FaultOutcome.Pointer;
import io.ublkzoned.engine.fault.FaultOutcome.Wear;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rules as people type them. */
final class FaultRuleParserTest {

    private static FaultRule parse(String text) {
        return FaultRuleParser.parse(text);
    }

    @Test
    void partOfAThirdWriteIsKept() {
        FaultRule rule = parse("--on write  --zones 12-15 --nth 3 --keep 8K --error EIO ");

        assertEquals("--on write --zones 12-15 --nth 3 --keep 8K --error EIO", rule.text());
        assertEquals(Set.of(BlockOp.WRITE), rule.match().operations());
        assertEquals(12, rule.match().firstZone());
        assertEquals(15, rule.match().lastZone());
        assertEquals(3, rule.frequency().nth());
        assertEquals(new Failure(FaultError.EIO, 8192, Pointer.KEPT, 0), rule.outcome());
        assertTrue(rule.delay().isNone());
    }

    @Test
    void actionsAreReadFromTheirOptions() {
        assertEquals(
                new Failure(FaultError.EIO, 0, Pointer.ADVANCED, 0),
                parse("--on append --chance 1/1000 --seed 7 --error EIO --pointer advanced")
                        .outcome());
        assertEquals(
                new Failure(FaultError.EIO, 0, Pointer.KEPT, 3),
                parse("--on reset-all --keep-zones 3 --error EIO").outcome());
        assertEquals(
                new Failure(FaultError.ENOSPC, FaultOutcome.ALL, Pointer.KEPT, 0),
                parse("--on flush --keep all --error ENOSPC").outcome());
        assertEquals(
                new FaultOutcome.LoseUnflushed(FaultError.EIO),
                parse("--on flush --nth 5 --error EIO --lose unflushed").outcome());
        assertEquals(
                new Wear(ZoneCondition.READ_ONLY),
                parse("--on write --make-zone read-only").outcome());
        assertEquals(
                new FaultOutcome.CutPower(new PowerCut(3, PowerCut.Keep.RANDOM), AfterCut.STOP),
                parse("--on flush --nth 9 --power-cut --seed 3").outcome());
        assertEquals(
                new FaultOutcome.CutPower(new PowerCut(0, PowerCut.Keep.NONE), AfterCut.CONTINUE),
                parse("--on any --power-cut --keep none --then continue").outcome());
        assertEquals(FaultOutcome.Normal.INSTANCE, parse("--on finish --stall").outcome());
        assertTrue(parse("--on finish --stall").delay().isStall());
        assertEquals(
                new FaultDelay(5_000_000, 50_000_000),
                parse("--on any --delay 5ms-50ms").delay());
        assertEquals(new FaultDelay(1_000, 1_000), parse("--on any --delay 1us").delay());
    }

    @Test
    void rangeMatchesTheRequestsThatTouchIt() {
        FaultMatch match = parse("--on any --range 64M+4K --error EIO").match();
        long start = 64 << 20;

        assertEquals(Set.of(BlockOp.READ, BlockOp.WRITE), match.operations());
        assertTrue(match.matches(BlockOp.READ, 1, start - 4096, 4097, false));
        assertTrue(match.matches(BlockOp.READ, 1, start + 4095, 1, false));
        assertTrue(!match.matches(BlockOp.READ, 1, start - 4096, 4096, false));
        assertTrue(!match.matches(BlockOp.READ, 1, start + 4096, 512, false));
    }

    @ParameterizedTest
    @CsvSource({
        "1, --on read --error EIO",
        "0, --on read --error EIO --times 0",
        "5, --on read --error EIO --every 2 --times 5",
        "0, --on read --error EIO --every 2",
        "0, --on read --error EIO --chance 1/2",
        "1, --on read --error EIO --nth 4",
        "0, --on read --delay 1ms",
        "1, --on read --delay 1ms --error EIO",
        "1, --on read --stall"
    })
    void timesHaveADefaultThatFitsTheRule(long times, String text) {
        assertEquals(times, parse(text).frequency().times());
    }

    @Test
    void delaysAreDrawnBetweenTheirEnds() {
        FaultDelay delay = parse("--on read --delay 1us-2us").delay();
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 1000; i++) {
            long nanos = delay.draw(random);
            assertTrue(nanos >= 1_000 && nanos <= 2_000, () -> nanos + " ns");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "' ' | say with --on which requests are hit",
                "--error EIO | say with --on which requests are hit: read, write, flush",
                "--on write | say what happens to the requests",
                "--on format --error EIO | 'format' is not an operation",
                "--on write --error EAGAIN | --error cannot be 'EAGAIN': use [EIO",
                "--on write --error | --error needs a value",
                "--on write --on read --error EIO | --on is given twice",
                "--on write --often --error EIO | '--often' is not an option of a rule",
                "--on write --zones 5-3 --error EIO | in the wrong order",
                "--on write --zones x --error EIO | is not a zone or a range of zones",
                "--on write --zones 1 --range 0+4K --error EIO | exclude each other",
                "--on write --range 4K --error EIO | is not an address and a size",
                "--on flush --zones 1 --error EIO | concern all zones",
                "--on append --range 0+4K --error EIO | only a read or a write is at an address",
                "--on reset --min-size 4K --error EIO | only read, write and append have a size",
                "--on read --fua --error EIO | only a write or an append can be forced",
                "--on write --nth 1 --every 2 --error EIO | exclude each other",
                "--on write --nth 0 --error EIO | counted from 1",
                "--on write --nth 1 --times 2 --error EIO | hits one request",
                "--on write --chance 2/1 --error EIO | above 0 and at most 1",
                "--on write --seed 1 --error EIO | decides nothing",
                "--on write --seed 1 --stall | decides nothing",
                "--on write --seed 1 --delay 5ms | decides nothing",
                "--on write --delay 0ms | changes nothing",
                "--on write --times 9999999999999999999 --error EIO | is not a number",
                "--on reset-all --keep-zones 0 --error EIO | must be at least 1",
                "--on write --delay 20 | is not a delay",
                "--on write --delay 2ms-1ms | in the wrong order",
                "--on write --delay 2ms --stall | exclude each other",
                "--on write --stall --keep 4K | --keep describes a failed request: add --error",
                "--on read --keep all --error EIO | a read changes nothing",
                "--on reset --keep 4K --error EIO | kept in part: use --keep all",
                "--on reset --pointer advanced --error EIO | only a write or an append moves a write pointer",
                "--on write --pointer sideways --error EIO | use kept, advanced or unmoved",
                "--on write --pointer unmoved --error EIO | nothing was kept",
                "--on reset --keep-zones 1 --error EIO | needs --on reset-all",
                "--on write --lose unflushed --error EIO | only a failed flush loses data: use --on flush",
                "--on any --lose unflushed --error EIO | only a failed flush loses data: use --on flush",
                "--on flush --delay 1ms --lose unflushed | --lose describes a failed request: add --error",
                "--on flush --lose all --error EIO | not 'all'",
                "--on flush --lose unflushed --keep all --error EIO | leaves nothing unflushed: omit --keep",
                "--on flush --lose unflushed --power-cut | once the power is cut: omit --lose",
                "--on write --power-cut --error EIO | every request fails once the power is cut: omit --error",
                "--on write --power-cut --keep 4K | use none, all or random",
                "--on write --power-cut --then reboot | --then cannot be 'reboot': use stop or continue",
                "--on write --error EIO --then continue | --then describes a power cut: add --power-cut",
                "--on write --make-zone full | read-only or offline, not 'full'",
                "--on write --make-zone offline --error EIO | omit --error",
                "--on reset-all --make-zone offline | no single zone can fail"
            })
    void combinationThatNoDeviceShowsIsRefusedWithTheReason(String text, String reason) {
        String message = String.valueOf(
                assertThrows(IllegalArgumentException.class, () -> parse(text)).getMessage());
        assertTrue(message.contains(reason), message);
    }
}
