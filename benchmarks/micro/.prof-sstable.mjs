import { hash32, maxSequence } from '@coterie/bytes';
import { nodeFiles } from '@coterie/env-node';
import { BlockCache, createLookup, HandleCache, Table } from '@coterie/sstable';
import { TableBuilder } from '@coterie/sstable/builder';
import { existsSync, rmSync } from 'node:fs';
const files=nodeFiles(); const N=1e6; const path='/tmp/ss/table';
function writeKey(into, number) { for (let i = 15, rest = number; i >= 0; i--) { const q=(rest/10)|0; into[i] = 0x30 + rest-q*10; rest=q; } }
if(!existsSync(path)|| process.env.REBUILD){ rmSync(path,{force:true}); const f=files.openSync(path,'create'); const b=new TableBuilder(f,{tableId:Uint8Array.of(1,2,3,4,5,6,7,8),expectedEntries:N}); const key=new Uint8Array(16), value=new Uint8Array(100).fill(0x76);
 const e={keyBytes:key,keyStart:0,keyEnd:16,sequence:0,type:1,valueBytes:value,valueStart:0,valueEnd:100}; for(let i=0;i<N;i++){writeKey(key,i);e.sequence=1+((i*7919)%N);b.add(e);} b.finish(); f.closeSync(); }
const handles=new HandleCache(files,{maxOpen:8}), blocks=new BlockCache({bytes:256<<20,slotBytes:4096});
const table=Table.openSync({handles,blocks},path);
const c=table.cursor({access:'read'}); for(c.seekToFirst();c.valid;c.next()); c.release();
const L=200000; const nums=new Uint32Array(L).map(()=>Math.random()*N); const key=new Uint8Array(16);
const lookup=createLookup(); lookup.maxSequence=maxSequence; lookup.key=key; let sum=0;
function measure(name,count,run,reps=11){ const s=[]; for(let r=0;r<reps;r++){const b=process.cpuUsage();run();const u=process.cpuUsage(b);s.push((u.user+u.system)*1000/count);} s.sort((a,b)=>a-b); console.log(name.padEnd(40),s[reps>>1].toFixed(0),'best',s[0].toFixed(0)); }
const which=process.argv[2]??'all';
const touch=blocks.slab.chunks;
measure('key',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]);sum+=key[15];}});
measure('key+hash',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]);sum+=hash32(key,0,16);}});
measure('key+hash+filter',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]);sum+=table.mayContain(hash32(key,0,16))?1:0;}});
measure('key+index',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]);sum+=table.index.blockOf(key);}});
measure('random dram line',L,()=>{for(let i=0;i<L;i++){const n=nums[i]*112; sum+=touch[n>>>20][n&0xfffff];}});
measure('key+hash+find',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]);lookup.keyHash=hash32(key,0,16);if(!table.find(lookup))throw 1; }},21);
measure('key+hash+find+touch',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]);lookup.keyHash=hash32(key,0,16);if(!table.find(lookup))throw 1; sum+=lookup.valueBytes[lookup.valueStart]+lookup.valueBytes[lookup.valueEnd-1];}},11);
const cur=table.cursor({access:'read'});
measure('key+seek',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]);cur.seek(key);}});
measure('key+seek+50',L/10,()=>{for(let i=0;i<L/10;i++){writeKey(key,nums[i]);cur.seek(key);for(let n=0;n<50&&cur.valid;n++){sum+=cur.valueBytes[cur.valueStart];cur.next();}}});
measure('scan',N,()=>{for(cur.seekToFirst();cur.valid;cur.next()) sum+=cur.keyEnd;},5);
measure('scan back',N,()=>{for(cur.seekToLast();cur.valid;cur.previous()) sum+=cur.keyEnd;},5);
console.log('--- hot: keys from the first 1000 only');
measure('key+hash+find hot',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]%1000);lookup.keyHash=hash32(key,0,16);if(!table.find(lookup))throw 1; }},11);
measure('key+index hot',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]%1000);sum+=table.index.blockOf(key);}});
const {BlockView}=await import('../../packages/sstable/dist/block-view.js');
const v=new BlockView();
measure('open hot',L,()=>{for(let i=0;i<L;i++){blocks.show(table.slots[nums[i]%30],v);sum+=v.rows;}});
measure('open random',L,()=>{for(let i=0;i<L;i++){blocks.show(table.slots[nums[i]%28000],v);sum+=v.rows;}});
const tags=new Uint32Array(L);for(let i=0;i<L;i++){writeKey(key,nums[i]%1000);tags[i]=hash32(key,0,16)&255;}
measure('blockOf+open+findNewest hot',L,()=>{for(let i=0;i<L;i++){writeKey(key,nums[i]%1000);const b=table.index.blockOf(key);blocks.show(table.slots[b],v);sum+=v.findNewest(key,tags[i],maxSequence)?1:0;}});
