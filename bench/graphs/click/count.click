// As ../count.click, in elements of Click.
define($IN in.pcap, $OUT out.pcap);
FromDump($IN, STOP true) -> counter :: Counter -> Discard;
