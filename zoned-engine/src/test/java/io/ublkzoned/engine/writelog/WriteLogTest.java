package io.ublkzoned.engine.writelog;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.OfflineDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.replay.LogReplay;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.writelog.LogEntry.Kind;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** The container of a write log. */
final class WriteLogTest {

    private static final int SECTOR = 4096;
    private static final int DAMAGED_LOGS = 3000;

    private final FormatOptions options = World.smallOptions().build();
    private final DeviceGeometry geometry = options.geometry();
    private final SimulatedDisk disk = new SimulatedDisk();

    private LogWriter begin() throws IOException {
        return LogWriter.begin(disk, new LogHeader(SECTOR, 0, Optional.of(geometry), true));
    }

    private ByteBuffer sector(int number) {
        return ByteBuffer.wrap(disk.peek((long) number * SECTOR, SECTOR)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void write(LogWriter log, LogEntry entry) throws IOException {
        log.write(entry, false, (from, target) -> target.fill((byte) 0x77));
    }

    private LogEntry next(LogReader reader) throws IOException {
        return reader.next().orElseThrow();
    }

    @Test
    void containerIsTheOneOfDmLogWrites() throws IOException {
        LogWriter log = begin();
        log.write(log.placeWrite(false, 3 * SECTOR, 2 * SECTOR), true, (from, target) -> target.fill((byte) 0x77));
        log.write(log.placeMark("mkfs"));
        log.write(log.placeFlush(2));

        ByteBuffer header = sector(0);
        assertEquals(0x6a736677736872L, header.getLong(0));
        assertEquals(1, header.getLong(8));
        assertEquals(3, header.getLong(16));
        assertEquals(SECTOR, header.getInt(24));
        ByteBuffer write = sector(1);
        assertEquals(3, write.getLong(0));
        assertEquals(2, write.getLong(8));
        assertEquals(2, write.getLong(16), "the flag of FUA");
        assertEquals(0, write.getLong(24));
        assertEquals(0x77, sector(2).get(0));
        ByteBuffer mark = sector(4);
        assertEquals(0, mark.getLong(8));
        assertEquals(8, mark.getLong(16));
        assertEquals(4, mark.getLong(24));
        assertEquals("mkfs\0", new String(disk.peek(4 * SECTOR + 32, 5), StandardCharsets.US_ASCII));
        assertEquals(1, sector(5).getLong(16));
    }

    @Test
    void readerReturnsWhatTheWriterPlaced() throws IOException {
        LogWriter log = begin();
        write(log, log.placeWrite(true, geometry.zoneStart(2), 3 * SECTOR));
        write(log, log.placeReset(false, geometry.zoneStart(2), geometry.zoneSizeBytes()));
        write(log, log.placeReset(true, geometry.zoneStart(2), 14 * geometry.zoneSizeBytes()));
        write(log, log.placeFinish(geometry.zoneStart(5)));
        write(log, log.placeFlush(3));
        log.close();

        LogReader reader = LogReader.open(disk);
        assertEquals(new LogHeader(SECTOR, 5, Optional.of(geometry), true), reader.header());
        LogEntry append = next(reader);
        assertEquals(Kind.APPEND, append.kind());
        assertEquals(geometry.zoneStart(2), append.startBytes());
        MemorySegment data = MemorySegment.ofArray(new byte[3 * SECTOR]);
        reader.readData(append, 0, data);
        assertEquals(0x77, data.get(JAVA_BYTE, 3 * SECTOR - 1));
        assertEquals(Kind.RESET, next(reader).kind());
        LogEntry resetAll = next(reader);
        assertEquals(Kind.RESET_ALL, resetAll.kind());
        assertEquals(14 * geometry.zoneSizeBytes(), resetAll.lengthBytes());
        LogEntry finish = next(reader);
        assertEquals(Kind.FINISH, finish.kind());
        assertEquals(geometry.zoneStart(5), finish.startBytes());
        LogEntry flush = next(reader);
        assertTrue(flush.isFlush());
        assertEquals(3, flush.covered());
        assertFalse(reader.next().isPresent());
    }

    @Test
    void headerCountsOnlyEntriesWithoutGaps() throws IOException {
        LogWriter log = begin();
        LogEntry first = log.placeWrite(false, 0, SECTOR);
        LogEntry second = log.placeFlush(0);
        write(log, second);
        assertEquals(0, LogReader.open(disk).header().entries());
        write(log, first);
        assertEquals(2, LogReader.open(disk).header().entries());
    }

    @Test
    void closedLogSurvivesAPowerCut() throws IOException {
        LogWriter log = begin();
        write(log, log.placeFlush(0));
        log.close();
        disk.cutPower();
        assertEquals(1, LogReader.open(disk).header().entries());
    }

    @Test
    void largeWritesAreWhole() throws IOException {
        LogWriter log = begin();
        int length = 300 * SECTOR;
        log.write(log.placeWrite(false, 0, length), false, (from, target) -> {
            for (long at = 0; at < target.byteSize(); at += SECTOR) {
                target.set(LittleEndian.LONG, at, from + at);
            }
        });
        write(log, log.placeFlush(1));

        LogReader reader = LogReader.open(disk);
        LogEntry entry = next(reader);
        MemorySegment data = MemorySegment.ofArray(new byte[length]);
        reader.readData(entry, 0, data);
        for (long at = 0; at < length; at += SECTOR) {
            assertEquals(at, data.get(LittleEndian.LONG, at));
        }
        assertTrue(next(reader).isFlush());
    }

    @Test
    void marksThatHaveNoPlaceInASectorAreRefused() throws IOException {
        LogWriter log = begin();
        assertThrows(IllegalArgumentException.class, () -> log.placeMark(""));
        assertThrows(IllegalArgumentException.class, () -> log.placeMark("x".repeat(SECTOR - 32)));
        write(log, log.placeMark("x".repeat(SECTOR - 33)));
        assertEquals(SECTOR - 33, next(LogReader.open(disk)).name().length());
    }

    @Test
    void otherFilesAreRefused() throws IOException {
        assertEquals("it is too short to be a write log", refusal());
        ImageFormatter.format(disk, options);
        assertEquals("it is not a write log: 'ublk-zoned add --record FILE' writes one", refusal());
    }

    private String refusal() {
        return String.valueOf(assertThrows(WriteLogException.class, () -> LogReader.open(disk))
                .getMessage());
    }

    /** Any damage ends in a sentence, and never in another exception. */
    @Test
    void damagedLogsAreReadAndReplayedUpToTheDamage() throws IOException {
        LogWriter log = begin();
        for (int zone = 0; zone < 6; zone++) {
            write(log, log.placeWrite(zone > 2, geometry.zoneStart(zone), 2 * SECTOR));
        }
        write(log, log.placeFinish(geometry.zoneStart(4)));
        write(log, log.placeReset(true, geometry.zoneStart(2), 14 * geometry.zoneSizeBytes()));
        write(log, log.placeMark("end"));
        write(log, log.placeFlush(9));
        int refused = 0;
        for (int seed = 0; seed < DAMAGED_LOGS; seed++) {
            refused += isRefused(damagedCopy(seed)) ? 1 : 0;
        }
        assertTrue(refused > DAMAGED_LOGS / 10 && refused < DAMAGED_LOGS, refused + " refused");
    }

    /** Returns a copy in which a byte of the header or of an entry has another value. */
    private SimulatedDisk damagedCopy(int seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        SimulatedDisk copy = disk.copy();
        long sectors = disk.sizeBytes() / SECTOR;
        long at = random.nextLong(sectors) * SECTOR + random.nextInt(LogEntry.BYTES);
        copy.write(MemorySegment.ofArray(new byte[] {(byte) random.nextInt(256)}), at);
        return copy;
    }

    private boolean isRefused(SimulatedDisk damaged) throws IOException {
        SimulatedDisk image = new SimulatedDisk();
        ImageFormatter.format(image, options);
        try (OfflineDevice device = OfflineDevice.open(image, SECTOR, new UUID(1, 1))) {
            new LogReplay(LogReader.open(damaged), device).apply(0, Long.MAX_VALUE);
            return false;
        } catch (WriteLogException e) {
            return true;
        }
    }
}
