// config/farm.click with the defaults of its users, at the time of the capture: a capture comes in place of the tunnel, and what would
// go back into it is written to OUT.
define($TELESCOPE 10.1.0.0/16, $LOCAL 192.0.2.2, $ROUTER 192.0.2.1, $TARGETS 1, $SHARED 0,
       $IMAGES ../../config/images, $MAP ../../config/simulated.map,
       $CLONES 20000, $UNIVERSE_CLONES 1000, $UNIVERSES 65536);

ours     :: IPFilter(allow dst net $TELESCOPE && not src net $TELESCOPE);
flows    :: FlowTable(TIMEOUT 300s);
scans    :: ScanFilter(TARGETS $TARGETS, WINDOW 60s);
universe :: UniverseTagger(KEY pair, SHARED $SHARED, UNIVERSES $UNIVERSES);
bind     :: Dispatcher(MAP $MAP);
farm     :: CloneFarm(BACKEND simulated, IMAGES $IMAGES, CLONES $CLONES, UNIVERSE_CLONES $UNIVERSE_CLONES,
                      MEMORY 2G, CAP 64M, IDLE 60s, KEEP 600s);
export   :: ExportPolicy(POLICY ../../config/policies/reflect.policy);
sinks    :: Sinks(ZONE ../../config/sinks.zone);
rewriter :: Rewriter;

FromDump($IN) -> GreDecap -> CheckIPHeader -> ours -> ClampMSS -> [outside] flows;
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
