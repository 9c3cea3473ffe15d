package main

// legend explains the words of a report.
const legend = `How to read the report:
   fill, load           each key pushed once by each node; then what --updates or --duration and --rate say. An event is a stage of its own.
   warm-up              an eighth of a recorded load, played after the fill and before the load, whose ages are encoded for the pace at which the
                        target took that.
   in, out              updates that the nodes pushed, and that they were sent. out is more than in × nodes where a rate is sent again as its
                        period ends, and less where several updates of a key went out as one.
   lesson, repetition   what a node that lost its session pushes again when it is back: all that it has, or what was not acknowledged.
   timed updates        one in some is timed from its write to the read of its sum on another node (--probes); p99 is the time that 99 of 100
                        did not exceed; those of deaf and slow nodes wait for these. They come on top of --rate, and have keys of their own. "not sent" are those that were due while 64 of the node were still under way.
   CPU an update in     the target's time divided by the updates that came in; "in or out" by those that came in and went out.
   bytes a key          growth of the target's memory in the stage in which the keys came, divided by their number.
   look                 a comparison of every field of every sum on every node with what the nodes counted. Rates move while they travel:
                        "after a delay of up to" is the delay that was seen, and allowed for: where that is not far below a rate's period, as with
                        nodes that are deaf or slow, the comparison says little of that rate. "rates were right … late": before the look those of
                        some keys were not, as where millions of keys enter their next periods at once.
   NOT complete         the sums did not add up, or were not acknowledged, within --settle. WRONG: some look found a wrong field.`
