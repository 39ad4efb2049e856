/**
 * LMAX Disruptor peers: 8-byte events through its ring, in the topologies of its own perftests.
 *
 * Started once and then told what to run, so that the compiler has warmed up: each line on stdin is
 * "TOPOLOGY COUNT BATCH", each line on stdout "NANOSECONDS COUNT SUM WRONG", the counts and sums
 * over all readers. The threads' names are their roles; whoever starts this pins them by name, once
 * "ready" is printed. Arguments: ring size, and "yield" or "spin" for the wait strategy.
 */

import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;

public final class LmaxBench {
    static final int READERS_MAX = 3;
    static final int BLOCK = 8192;

    static final class ValueEvent {
        long value;
    }

    /** Adds up what it reads, and notes what is not as its sequence says. */
    static final class Reader implements EventHandler<ValueEvent> {
        final CountDownLatch done = new CountDownLatch(1);
        final long last;
        long sum;
        long wrong;
        long count;
        long endNs;

        Reader(long count) {
            last = count - 1;
        }

        @Override
        public void onEvent(ValueEvent event, long sequence, boolean endOfBatch) {
            long value = event.value;
            sum += value;
            wrong |= value ^ sequence;
            if (sequence == last) {
                count = sequence + 1;
                endNs = System.nanoTime();
                done.countDown();
            }
        }
    }

    /** A thread that lives as long as the program and does one job after another. */
    static final class Worker extends Thread {
        private final BlockingQueue<Runnable> jobs = new LinkedBlockingQueue<>();

        Worker(String name) {
            super(name);
            setDaemon(true);
            start();
        }

        void give(Runnable job) {
            jobs.add(job);
        }

        @Override
        public void run() {
            try {
                while (true) {
                    jobs.take().run();
                }
            } catch (InterruptedException over) {
                interrupt();
            }
        }
    }

    private final Worker producer = new Worker("producer");
    private final Worker[] consumers = new Worker[READERS_MAX];
    private final int ringSize;
    private final String waiting;

    LmaxBench(int ringSize, String waiting) {
        this.ringSize = ringSize;
        this.waiting = waiting;
        for (int i = 0; i < READERS_MAX; i++) {
            consumers[i] = new Worker("consumer-" + i);
        }
    }

    private WaitStrategy waitStrategy() {
        return waiting.equals("spin") ? new BusySpinWaitStrategy() : new YieldingWaitStrategy();
    }

    /** In blocks of some thousands, so that not all depends on code compiled within a loop. */
    static void publish(RingBuffer<ValueEvent> ring, long count, int batch) {
        long block = (long) batch * Math.max(1, BLOCK / batch);
        for (long first = 0; first < count; first += block) {
            publishBlock(ring, first, Math.min(count, first + block), batch);
        }
    }

    private static void publishBlock(RingBuffer<ValueEvent> ring, long first, long end, int batch) {
        if (batch == 1) {
            for (long i = first; i < end; i++) {
                long next = ring.next();
                ring.get(next).value = i;
                ring.publish(next);
            }
            return;
        }
        for (long i = first; i < end; i += batch) {
            int size = (int) Math.min(batch, end - i);
            long high = ring.next(size);
            long low = high - (size - 1);
            for (long sequence = low; sequence <= high; sequence++) {
                ring.get(sequence).value = sequence;
            }
            ring.publish(low, high);
        }
    }

    /** The processors of a topology, each behind its barrier; gates the ring by the last ones. */
    private static BatchEventProcessor<ValueEvent>[] connect(
            RingBuffer<ValueEvent> ring, String topology, Reader[] readers) {
        @SuppressWarnings({"unchecked", "rawtypes"})
        BatchEventProcessor<ValueEvent>[] made = new BatchEventProcessor[readers.length];
        Sequence[] sequences = new Sequence[readers.length];
        for (int i = 0; i < readers.length; i++) {
            SequenceBarrier barrier;
            if (topology.equals("pipeline") && i > 0) {
                barrier = ring.newBarrier(sequences[i - 1]);
            } else if (topology.equals("diamond") && i == 2) {
                barrier = ring.newBarrier(sequences[0], sequences[1]);
            } else {
                barrier = ring.newBarrier();
            }
            made[i] = new BatchEventProcessor<>(ring, barrier, readers[i]);
            sequences[i] = made[i].getSequence();
        }
        if (topology.equals("multicast")) {
            ring.addGatingSequences(sequences);
        } else {
            ring.addGatingSequences(sequences[readers.length - 1]);
        }
        return made;
    }

    String run(String topology, long count, int batch) throws InterruptedException {
        RingBuffer<ValueEvent> ring =
                RingBuffer.createSingleProducer(ValueEvent::new, ringSize, waitStrategy());
        Reader[] readers = new Reader[topology.equals("single") ? 1 : READERS_MAX];
        for (int i = 0; i < readers.length; i++) {
            readers[i] = new Reader(count);
        }
        BatchEventProcessor<ValueEvent>[] processors = connect(ring, topology, readers);
        CountDownLatch stopped = new CountDownLatch(readers.length);
        for (int i = 0; i < readers.length; i++) {
            BatchEventProcessor<ValueEvent> processor = processors[i];
            consumers[i].give(() -> {
                processor.run();
                stopped.countDown();
            });
        }
        for (BatchEventProcessor<ValueEvent> processor : processors) {
            while (!processor.isRunning()) {
                Thread.yield();
            }
        }
        long[] beginNs = new long[1];
        producer.give(() -> {
            beginNs[0] = System.nanoTime();
            publish(ring, count, batch);
        });
        long endNs = 0;
        long sum = 0;
        long wrong = 0;
        long read = 0;
        for (Reader reader : readers) {
            reader.done.await();
            endNs = Math.max(endNs, reader.endNs);
            sum += reader.sum;
            wrong |= reader.wrong;
            read += reader.count;
        }
        for (BatchEventProcessor<ValueEvent> processor : processors) {
            processor.halt();
        }
        stopped.await();
        return (endNs - beginNs[0]) + " " + read + " " + Long.toUnsignedString(sum) + " " + wrong;
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        LmaxBench bench = new LmaxBench(Integer.parseInt(arguments[0]), arguments[1]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("ready");
        String line;
        while ((line = in.readLine()) != null) {
            String[] words = line.trim().split(" ");
            long count = Long.parseLong(words[1]);
            System.out.println(bench.run(words[0], count, Integer.parseInt(words[2])));
        }
    }
}
