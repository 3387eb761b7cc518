// Plays a capture through the chain of farm.click, and writes what would go back into the tunnel.
//
//   potemkin run config/replay.click -D IN=a.pcap -D OUT=b.pcap
//
// IN      a capture of GRE packets, as the tunnel would bring them
// OUT     a capture to write: answers of clones, in GRE
// The other definitions are those of farm.click. Whatever address the capture holds is played.

define($LOCAL 192.0.2.2, $ROUTER 192.0.2.1,
       $TARGETS 1, $WINDOW 60s, $KEY pair, $OPEN none, $SHARED 0, $ZONE sinks.zone, $UNKNOWN 198.18.0.0/15,
       $MAP simulated.map, $POLICY policies/reflect.policy);

flows    :: FlowTable(TIMEOUT 300s);
scans    :: ScanFilter(TARGETS $TARGETS, WINDOW $WINDOW);
universe :: UniverseTagger(KEY $KEY, OPEN $OPEN, SHARED $SHARED);
bind     :: Dispatcher(MAP $MAP);
farm     :: CloneFarm(BACKEND simulated, MEMORY 2G);
export   :: ExportPolicy(POLICY $POLICY);
sinks    :: Sinks(ZONE $ZONE, UNKNOWN $UNKNOWN);
rewriter :: Rewriter;

FromDump($IN) -> GreDecap -> CheckIPHeader -> ClampMSS -> [outside] flows;
flows[known] -> [back] rewriter[back] -> farm;
flows[new]   -> scans -> universe -> bind -> farm;
flows[stray] -> Counter -> Discard;
scans[scan]  -> Discard;

farm -> CheckIPHeader -> [inside] flows;
flows[inside] -> export;
export[forward]  -> [forward] rewriter[forward] -> ClampMSS -> GreEncap(SRC $LOCAL, DST $ROUTER) -> ToDump($OUT);
export[reflect]  -> [reflect] rewriter[reflect] -> Reflector -> bind;
export[redirect] -> sinks;
sinks[pass]      -> [redirect] rewriter[redirect] -> farm;
sinks[answer]    -> farm;
export[drop]     -> Discard;
