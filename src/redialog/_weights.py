"""How many tokens letters and signs add: the tables of `redialog._estimate`.

Fitted, once, to the counts that the o200k_base tokenizer gives for texts in some 400 languages,
for code and JSON, and for random texts of every kind, so that natural texts come out at 1.15 to
1.35 of the exact count and no text far below it. One base-36 digit stands for one letter pair or
character: in steps of 0.05 tokens in the tables of pairs, of 0.1 tokens elsewhere.
"""

# Letters of other scripts are meant as such.
# ruff: noqa: RUF001, RUF003

from __future__ import annotations

LATIN_LETTERS = "abcdefghijklmnopqrstuvwxyz~`@#"
"""The columns of LATIN, and its rows after the first. ``~`` stands for a letter of Latin-1,
``` for one of Latin Extended-A, ``@`` for one of Vietnamese, ``#`` for any other."""

LATIN = (
    "6610b6468abf4985i63676be0jmqxz",  # start
    "s150zc047z9076p1z22004b04i0boz",  # a
    "6zzz3zcyg000ja0zp98v4tj87fwl6z",  # b
    "9z3z0zt33p37iq16p0406tvo00fo6z",  # c
    "70za0zcz1qp07243u8675bos8qqhep",  # d
    "5900539z2kr520d5a008cei05cgdqz",  # e
    "6zzz60uv3te0gr5nj3j03jkh0mofmr",  # f
    "pt8y0kd6azeht99ln0ah8zzqlwoqrt",  # g
    "3uzg3ulg7pf001cwm0s0qzkm6v9z00",  # h
    "db00282ru6h04000bb50z6zckh6alz",  # i
    "dpib2k5hyfchih0gg96r6o6nxbh20z",  # j
    "caqe2c2j8vzwzfnwiz08fzegjnnf3z",  # k
    "30e70ean0qm5vr3hflf05bet0sv70k",  # l
    "3epu1zhx5nxnb5b2kx6mlupzjzl44p",  # m
    "ay02321ccfb3b880zm019b7x1ze3lz",  # n
    "0818551z9c016061z033010010z0lz",  # o
    "6yfs0sz8ihz0wq1bz051d7zz6zzrph",  # p
    "gcsiolntpig0qlqpdr7q0ozlpukppt",  # q
    "6s030f458s39150l0907350g3kj00z",  # r
    "gxbm5el65ze4w3b6l8f2343j7th05z",  # s
    "9rkb05310mkchc5fm4807zsr1znm0z",  # t
    "a0126i9vcia045z5b020tgt84endhz",  # u
    "3ixs0u9m3pdovijmwznxvlrgslqs70",  # v
    "0rko0lfn3hozzz0rzazapragaizazh",  # w
    "js6i2at34gmnkpj8jcz2ifh9g9nsnu",  # x
    "kxqzmrtzhpwaj7t8ov09z9aq7tfjlm",  # y
    "0lbd7omvukifa80elgc2zfdm5zkhlu",  # z
    "5h6o7cj6olji04076fgaz03o7bl7zn",  # ~
    "rp0hentzhz0020n0z0zibzfs6d0z00",  # `
    "8q0onmnw00xq00x0wuu00wzq8lzzrz",  # @
    "zzzzzqw0zrzzzyzp0nzzz0jumrhnzz",  # #
)
"""What a letter adds after another, a row for the one before; the first row begins a word."""

CYRILLIC_LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя$"
"""The same for Cyrillic; ``$`` stands for every letter that Russian does not have."""

CYRILLIC = (
    "a6dc5839cy8a4965636i93rdmuxuy7x1s",  # start
    "m350a134k01524z7703076201fllor63d",  # а
    "5rpqzazzjr27oe0o8ui4njzso810ylh30",  # б
    "2zgzz9ze4zp3rb1z0h48p8mzzzz5znziq",  # в
    "3rzw11jt3xu5zz1w7kz3wzpupmzuz1npt",  # г
    "2zbje2yz5mcbu82q5jh6wdztwoz00htek",  # д
    "xch33dq3n095129i301qx40e4yqrqpfch",  # е
    "0zpnd2qnlxrz902msvm9zusgozuzlnzz0",  # ж
    "cz5m404qhrq0040zezz0zytzyswbizp0n",  # з
    "m4h9c3b6497316zgk31zla00lmzlpsz4z",  # и
    "wzpzaoitzpzfzpizz05uzjphiozdppzrz",  # й
    "8tzwjhz03onaub3z9h2esornzzzgtpzzj",  # к
    "4zze038z3rk6d13jlur3zzpzlzzx0g022",  # л
    "4zgzd06v6qpzpb00zmm0zzznuzvcskpbu",  # м
    "6gzq48zz1n0kp43z9t150zxkzzz309olo",  # н
    "z0045835o3l027b7401ek00c3joqquz0v",  # о
    "czzpp4qzaq53s01d3ztbztozzqzz0qzzl",  # п
    "2obd04hzazvs0g4z75f4y2zzqzz1wzr3a",  # р
    "5zfon0zz5m7779500107h9e3fzzf2zz60",  # с
    "430zz2qs0zd1hq2010z3zsqzznz00km2j",  # т
    "v0i02200dobi72y59863vbs0k8wzpo0go",  # у
    "6zzmoczjbrzwzz0zgzz0jnzospzztyptz",  # ф
    "wzzzmzorzrwmpgcpzzzrzzhqktzjtcuzt",  # х
    "zoapobzz0tzoqyzzzqp7lhrpoqz7qxvxl",  # ц
    "0pzzo3sq5zhcj7zzpp2uzqzqcozlzmzti",  # ч
    "0zzmzbpo0mu0zzcqrpr2zzumjpwj3qzs0",  # ш
    "cprpr6ps8oqzpztzqppcnopqppzzzzsz0",  # щ
    "zzxpz0ozrszzzmzuzzxzzzzzozzpzzlzz",  # ъ
    "z04092pso8d7okv71k6tu6l60nzszpnh0",  # ы
    "kzotx1t0oz2zz4muzlmsmmqprzo0qvchb",  # ь
    "pzz4mmyzxp009qqzoq4umekn4szzvcszq",  # э
    "zxuodzzosnxnplrqq6dnmzw6x5zszzlmp",  # ю
    "oy1zh5gbewwzcvsw1o5nvzz9imzlyz1zb",  # я
    "ghzwbzu0szf9ye10t91vzzzr0pq0oonaz",  # $
)
"""As LATIN."""

DEVANAGARI_LETTERS = (
    "\u0915\u0916\u0917\u0918\u091a\u091b\u091c\u091d\u091f\u0920\u0921\u0922\u0923\u0924"
    "\u0925\u0926\u0927\u0928\u092a\u092b\u092c\u092d\u092e\u092f\u0930\u0932\u0935\u0936"
    "\u0937\u0938\u0939\u0905\u0906\u0907\u0908\u0909\u090a\u090f\u0910\u0913\u0914\u093e"
    "\u093f\u0940\u0941\u0942\u0943\u0947\u0948\u094b\u094c\u094d\u0902\u0901\u093c*"
)
"""The same for Devanagari; ``*`` stands for every other letter or mark."""

DEVANAGARI = (
    "5kbrdm7xgujtz8i5w64l3649571iz4877au4tezobuxvzxzvvyyzwzyx",
    "8o09zqpsz47oe9g2yqmo9acu3fnwsz0z3xaoohtvo517a0950ac75ozq",
    "lgootooofo3qa9uoweus0out1jhoqhouovooouruo7nk21t8k3z2poou",
    "afortu4oz6espgowocwtl0o02k0ztliwt00ot1ooo1ijt0l75izazo0t",
    "4osootsoisetnstoopoooooo0omzozovoooooooto00zzutbohuc0oot",
    "zodtoooo1ousvqoro00ogohe13tsoxososoot0tvt0n0v0o5b0o50ett",
    "nsoootuohnuuozoao0zuozoso0guoqfootsoouooo1a1uzo804g002ru",
    "ii4tvtoorozotzql04wz9om1g12zzmaoswooo0wty04eq0obaho1zf2u",
    "zoqtoousuooo00s0o5sorv0siarooooruyoooyzotgo0rvt0szsz0oox",
    "0oosztoorscoass0osnkl0pon2e6ok6ojiooomyaoeg4szoba7zc0oqs",
    "voooqooosqsoo3ooo00ozoso8sysot3ovssstoustla0svtkozwepoou",
    "louonosouuuomsi0t8z0zokonq0vojuosoaoo0tsso4k8do27zlfxu9t",
    "oosusosoootoqvoos0htvosvo01so4ossoootoswu0y4sto7our00oss",
    "fs0ozo0oooos3tozgizoasrra0uwtqgsortoootou0nr00ozozol0oot",
    "6auofo0oos9tso5wu5wafuqe1yfwoh7svyaoosyvo493dvm8181313ot",
    "jqwotssooouoozooo310orro0wr0ootsoosootooo080yook7qo0zoou",
    "wstoz0otosuirzohozcspkiz937jbntouovsorssr6149a44wbd9coou",
    "zooo0sosoost6ztosvotot1t3s0ooo0uvooooorvo05o00f00qq0voov",
    "2jhop9zo10io0qo1tbzz300ziqwd991aormsj7utobc030o4de1f0wwn",
    "48zlujssf04tz8f9v0zd2h0260th0b2totoooqooo2wea3gqbfe1gz0s",
    "7ovyootwdvfos0uoo0ozoo0ooeoouzoooooooloooi07y9o50zi4ho0w",
    "st4s2o1oqo0boaocz5ootoz00jboo35ooohtvoooo85900zp76t50cvo",
    "eo0ottxosu5o4sozo1ouuo0blp6uq00oom0tw0ooo3o20moj9jcacoov",
    "kobu8o57nrqo09cdr0zoyu99i0z7o00ozt0tozt3u4h03ke54h090frw",
    "0o7ssovstsro03zccbdor0m0002xo04oioozsyo7s5zveht0v21zaost",
    "2q0apuzzbonac0p5067ijv58rla0eu0zuooosmsot4b4b1r4i8k6hnop",
    "koazzoovzo0t0eozo0ju2zb010noro7okosooroso778xeo9q0bbczqs",
    "cou0tsftga6eolozdz0oftz06454o311outotlsoq953oto6r7o6coou",
    "kowzvoooooozy5osr77opos3dbt3sixosouosqoro0150hh0l3s2ovot",
    "xtstwoktooos2zozxszoo070tio6to0oosvuoooos7epzooszzo2xoov",
    "2paojomtpvookus0za06051z68ruo15wsoucz0s0o60a09660iz5a2vq",
    "lrooyo6q1tzo00vzt1uzmz62b5obo20sos7ookooo0f8307474zrz5ou",
    "orcf00pe7v0sg9ul046j5czzu82zzmtauuoboootoooq2oooooos08ot",
    "fb80noatirt000o0g643sxo2cjaxu0booz6os9ozosuooooooosr2aou",
    "ktis5fzqoobosh00wizotoj2w4aiq2zzzao0o0svootooutossot1nov",
    "zoo0uo8tso0ss0zzrn1uoo0sczzusmuosoaoo0o0uooooovooooo20ot",
    "rozgfv4rl74oufb0o01ozz0oy2os72moooroojwooqoxooooooovz0uu",
    "soootwoohvoousozslgwovot0oooyoooosooososuoooooroooool1st",
    "2n2ouubszu7oozowoo1duo7tsm0zuisrsro0ooouoooototooruop0qr",
    "bsoo9wuonu1totosv74oozoq0ozoo0tooxotsosuuootooutoosotooz",
    "kodtsouovozsovootztwugcojr6gtv0z8oqoomozoooosotowoto9out",
    "uosooozoozvooroasouootos3osoamooososstooootoooosstsoooot",
    "bwaom04mfi0vy766n38k484c126g6429ocaqrexroz8ooqsuoouo3got",
    "576zn20qa0ds1ckfm7fdz5g9810041nvv5ozs2omoootsssuoso9gptt",
    "05ls20fspv310i0jpak1s4if5ijzug80ijvttewiouoasuoooooo1otr",
    "84fvz2z0nu0fx0ms3520s0az0k01t0hznz6qofz4tot3ooouooso7xos",
    "4qgo4ag0izz0pzoooa3uos8060pu2a00bzuso2suroooouoottoozdsu",
    "0uxo0oto0otzomkmooauoso0ooo1aozsoouotouoosoosootoouuioot",
    "739tzrpz0aesz0wmzvnofzc7hhg0p4htzttztzovsvsstospouou5irq",
    "0wji8u0ojatozvc0sbzf4t80jgxru5oqqsooooszuosouossxoqo2ott",
    "op3cft0abpl0r3dgcbp00zroclr1eblys02oqtoowooaroopvooodoou",
    "lusosu2oluiouxjzo3looododzszo0duosusosooooooooouotoo5wov",
    "cdi003dxbcho851134botp04573f0faooqsrooooooo0osoauotorvom",
    "4bc3523hhomco0080380elv0f0b0oi2oooooodouolooovo0zooooooo",
    "o00o0t1o2o0p1zo0wdoo200ofatoozyoooo0ooootoooooooooooooow",
    "noovtoos0zqooptoyzotuo0o0zuoooooootosssoo6930uooq0o0doot",
    "tuuvtuvwvtsutruttqpnsttttottttusuutwtuwwtrvstuvstsusttuz",
)
"""As LATIN."""

CHARACTERS = {
    0xA0: (  # signs of Latin-1
        "1cdceddedalbcbcdececcldddelbddec"
    ),
    0x370: (  # Greek
        "llllllllllllllllllllllhln11l7llllkij6nh3gbbgdngbgdll4dednhln1843j9h752i1411621a11a239111"
        "n9hl112lllllllllllllllllllllllllllllllllllllllllllllllll"
    ),
    0x530: (  # Armenian, Hebrew, Arabic
        "l8dnbeik6einlhhb6lhj5ciccdfijdihgjbegillljghhlgji1418a6551133h631cae132h1e3de5241315ahnd"
        "l9nlllllllllllllllllllllllllllllllllllllmmnnhln11lnmbnd5mmnlnnlmllllllll9a6111baa7k5151a"
        "451nanf5145lllll31111lllllllllllllllllllllllnllljjihhjiijhiihhh1hnb1n9f13117761431dc84b7"
        "n18nnnnnc14e11526751hkn1j7kc4gjiihjhiijjjjnhikkhkhjhhjhjkljihkjigbilci1ijnjinb1k1ghmhiih"
        "igj4infikhilihmhnhiinjhgh5ign7h3jikiilhiik8dincii7gikik81fj81blnaj9h1hiiihkjhifiggfigljh"
        "iiiljjhhhkhlikkchhhhihil"
    ),
    0x900: (  # Devanagari to Thai
        "kg1hn31aa1jmnnn1jnnh2131dn714cf6e4n84b562n3d48121n9nn11112mn1n277d1fnnm51dn2b7nnnnnmnnnn"
        "gnnl4gnnnmnn9ncnn761hbbjknnknkkkjnklnnmll11nl39gn7nnnll4nll1n11bnnja1neen7nga1233l1a2b3a"
        "2l3lll2241ll1n34c594nll23llgn1nllllllllnllllknl9nnnnllj61b271nnda1llllllllllllllll2llb95"
        "9dlllllkhllik5dbhj9l7kkaibi94j1e8laeegbj5l7jl6jl62llbl455afllll79llbiflllkllllllljjigljl"
        "lllllljkkkkjlllm57lkllllllllllllll11l1bdhghkmjlglklih29agi8abijlkjjc17171l6d6eb11l2dl19e"
        "e1lljk1d11cjkjl1nil6k2llnlllllllllllllllkhmkllhhdihkijkjlllllllllllllllllccblhgenjllnllh"
        "kllkkckelifggmmfjhkedggicleideegdlfgllggedlljmcceegkllldkllgnclllllllnnmllllnmlgmnlnllbd"
        "bdccdddelblllllllllllllllllgl2c1n9nlll9nnl5nn1lllg1lnln2lll21lll4b1lll13131413nnnnlllli7"
        "f4nlll5i9l6kn2llnllllllnllllllllllllllllllllllllllllllllllllllllll11l8hhlhnjnldjjljlk5g1"
        "li8leml8l7lk9hf85l1nkfb11i1ih3ei1klljh1191djklc1elm6m6llllllljlljnmllillkjjjllllllllllln"
        "llllllllllllllllll11l1lnmeililjhelemjbiadl4lijlkh6jb1b1h1l7jel111j11l4nj2clljn91i1fijl17"
        "mlegn2lllllllnlllllllnilijnlll1114215311llllllllllllllllll1ll3ghgfljiljkhlcii2hfi2hk9lb5"
        "j8i14kgi1l6cij111348g8nd7gkkjj14c1fkjl1idli1l1killllilljmkjjijijjiijllllllllllllllllllll"
        "lll1671all1llciikkllklkkmijjikklll3lckkkkmcklkl8jgjak6c5i2lg9ldh4i22lall5fi6bgklll1llll5"
        "ck5e7lilhccjegjkllllllkljkjllkllllmjllllllllllllldfp1op1bpjpppfppnpl1155p11a1111h36121n1"
        "ik38p16o752p71pn8cpllllm1b151op141ofjoplllllllllllllllllllllllllllllllllllllllllllllllll"
    ),
    0x1000: (  # Burmese
        "64gi58eikgckjjji7egj768hb8979i6fj8kilkjiijjd3bb1g69iij984h267b9iijiiciiiij8474l5llllllll"
        "llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"
    ),
    0x10D0: (  # Georgian
        "121116d1a316117j11baagh35f3gjn1knnnnnnnnnnnlllll"
    ),
    0x1780: (  # Khmer
        "91nl91lbe88lnnb6d1n313a91915glmed74jnmmnnnmmnnn3nnklnn1cn8h3ai3nniaknn5dndf1fnnn3n1m9l7n"
        "llllllll8nn66llnn1llllllllllllllllllllll"
    ),
    0x2000: (  # punctuation
        "lllllllllll15giikhkgahlmbbjlc9bjkkgihk8nlbigkikndjjkkinkjekkjlkjmlnmklnlkiilknlikkkmjmlk"
        "mijkllllhnnhhlkgljmmlijj"
    ),
    0x3000: (  # Japanese
        "nf9ljfiimifh5hkkkllmkkjhkkmkkmnjllhijljniillnkmjjmiljnklkkmkjklllm4o5n8nbo3a79k6aei7d5i5"
        "e6a4a7j531o57d768689of9bbgflojhmfimbkm48d9d4en89ca6c89nbnn92onnllllllllll746bo96aa86n8d5"
        "48k6e7a6cb87hbo998o26o687bddod21a8o7c6bbjd7mdeb8b9c4m777o6b658obooobooaoooo371ll"
    ),
    0xFF00: (  # full width
        "llfgffgl48fefdfbeeffffhihgcbdec6cdieijiijiiiiiiiijiiiiiiillfhggifeihjiiiijliiijbbdd9hihi"
        "iljfdgflllllllllmmllmlkklmllllkklmmlllllnlklmllklklllmklklklmkmklmknmkllllllllllllllllll"
        "llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"
    ),
}
"""What a character adds, by the first code point of a block."""

SIGNS = {
    "!": 15,
    '"': 1,
    "#": 11,
    "$": 16,
    "%": 14,
    "&": 20,
    "'": 7,
    "(": 15,
    ")": 0,
    "*": 20,
    "+": 23,
    ",": 24,
    "-": 22,
    ".": 22,
    "/": 11,
    ":": 24,
    ";": 9,
    "<": 10,
    "=": 15,
    ">": 17,
    "?": 24,
    "@": 17,
    "[": 17,
    "\\": 11,
    "]": 14,
    "^": 30,
    "_": 16,
    "`": 17,
    "{": 6,
    "|": 23,
    "}": 9,
    "~": 26,
}
"""What a sign of ASCII adds, in steps of 0.05."""

HAN = (
    "一万三上下不专业东个中为主久么之乐也买了争事二于五亚些交产京人什今代以件价任份优会传位住"
    "体作你例保信俺做停像元先免党入全公六共关其内准出分创利别到制刷前力办加务动包化北区医十午"
    "单南博去县友发取口可台号司合同名后吗告员和品哪商啪器四回国图在地场型城基堂士处备复外多大"
    "天央奖女好如姐委娱子字存学安完官定宝实客家容对导小少展山州工市布师常平年广应度建开式强当"
    "录彩影律得心必快态怎性总情想意成我战户所手打技投报持指据排接推提播收改放政教数整文料新方"
    "施旗无日时明星是最月有服期本机权来果标样格案模次正此比民水江治法注洲流海消游源点热然爱片"
    "版物特玩环现球理生用电画登百的目直相看真知码确社神票福科秘程空站竞第等算管米类精系级线组"
    "经结统续网美群老者联肖胆能自至色营行表西要规视解计认讯记论设证评试说请调财责购费资赛赢路"
    "车输过运近返这进送选通速道那部都里重量金钱长限院集青靠面页领频题香马验骗高黄黑"
)
"""The Chinese characters that are part of many tokens."""

HANGUL = (
    "가각간감값강같개객거건검것게겠격견결경계고공과관광교구국굴규균그극근글금급기까께낌나난날"
    "났내냥너넘네넷녀년녕노높누뉴느는늘능니닌님다단달담당대댓더던데델도독돌동됐되된됩두드든들"
    "등디따때떤떨떻또라락람랍랑래랜램랫략량러런럼럽렇레려력련렵렸령례로록론롭롯료루룹류르른를"
    "름리릭린림립링마막만많말망매머먼메며면명모목무문물뮤므미민밀바반받발밝방배버번벌법벤변별"
    "보복본부북분뷰브블비사삭산살삼상새색생샵서석선설성세센션소속송수순술쉽스슬습승시식신실심"
    "십싶쓰씀아악안않알았앙앞애야약양어억언얼업없엇었에여역연열였영예오온올옵완왔외요용우욱운"
    "울움워원월웨위유육융으은을음응의이인일임입있자작장재쟁저적전점접정제젝져졌조족존종좋주준"
    "중즈즌증지직진질집징짜째차찰참찾책처천청체초최추축출충츠치친카케코콘크클큼키타탁태택터털"
    "테텐텔템토통투트특튼팅파판패페평포폼표품퓨프플피필하학한할함합항해했행향험현혔형호홈화확"
    "환활황회획효후히"
)
"""The Korean syllables that are part of some longer token."""

SYMBOLS = (
    "←↑→↓⇒∀∆−∙√∞∨≈≤≥≫①②③④⑤─━│┃├┣═║╗╝▀▄█▋░▒▓■□▪▫▬▲"
    "△▶▷►▼▽◆◇○◎●★☆☎☴☺♀♂♡♥♦♪♫✅✓✔✨❤➡⭐⭕👇👉👌👍👏💕🔥😀😁😂😉😊😍"
    "😘😭🙂🙏🤣"
)
"""Symbols that are one token."""
